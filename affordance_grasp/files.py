"""Files that appear whole or not at all, and files that are read within limits."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affordance_grasp.errors import InvalidInput, writing


def read_bytes(path: Path | str, what: str, most_bytes: int) -> bytes:
    """The content of a regular file; ``what`` is what an error calls it.

    Raises:
        InvalidInput: as :func:`check_file`, or it may not be read.
    """
    check_file(path, what, most_bytes)
    try:
        with Path(path).open("rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise InvalidInput(f"{what} {path} cannot be read ({error.strerror or error})") from error


def check_file(path: Path | str, what: str, most_bytes: int) -> None:
    """Refuse what is no file, such as a pipe, which may never end, and files that are too large.

    Raises:
        InvalidInput: there is no such file, it is none, or has more than ``most_bytes``.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{what} {path} cannot be read ({reason})") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise InvalidInput(f"{what} {path} cannot be read (it is {kind}; expected a file)")
    if status.st_size > most_bytes:
        raise InvalidInput(
            f"{what} {path} has {_bytes(status.st_size)}; at most {_bytes(most_bytes)} are read"
        )


def _bytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{count} bytes"


def write_file(path: Path, content: bytes | str) -> Path:
    """Write a file, making its folder; an interruption leaves the previous content.

    Raises:
        StorageFull, NotWritable, InvalidInput: see :func:`errors.writing`.
    """
    with whole_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write plain data as indented JSON; raises as :func:`write_file`."""
    return write_file(path, json.dumps(content, indent=1) + "\n")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what will take the place of ``path`` at the end; raises as write_file."""
    target = path.resolve()  # a link stays one
    with writing(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            yield target  # a device or a pipe is written to, never replaced
            return
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what :func:`write_file` left below a folder where a process was killed."""
    for path in folder.rglob("*.[0-9]*.partial"):
        path.unlink()
