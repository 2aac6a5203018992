"""The results of a long run, one JSON line each, from which a killed run goes on."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from affordance_grasp.configuration.documents import parse_json, read_json
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.files import check_file, remove_partial, write_json

RUN = "run.json"
LONGEST_LINE, LARGEST_FILE = 2**24, 2**40
Result = TypeVar("Result")


class Journal(Generic[Result]):
    """Appends results, dataclasses, so that a killed run loses at most what it was writing."""

    def __init__(self, path: Path, kind: type[Result]) -> None:
        """Cut off an unfinished line and keep the last complete one."""
        self.path, self._kind = path, kind
        self.last: Result | None = None
        self.count = whole = 0
        for line in _lines(path):
            self.last = _parsed(line, path, kind)
            self.count += 1
            whole += len(line)
        with writing(path):
            self._file = path.open("ab")
        self._file.truncate(whole)

    def append(self, result: Result) -> None:
        """Write one line and flush it."""
        line = json.dumps(asdict(result), separators=(",", ":"), allow_nan=False)  # type: ignore[call-overload]
        with writing(self.path):
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        self.last = result
        self.count += 1

    def keep(self, results: Iterable[Result]) -> Iterator[Result]:
        """The same results, each once it is written."""
        for result in results:
            self.append(result)
            yield result

    def results(self) -> Iterator[Result]:
        """All results, in order, one at a time."""
        return read_journal(self.path, self._kind)

    def clear(self) -> None:
        """Remove all results."""
        self._file.truncate(0)
        self.last, self.count = None, 0

    def remove(self) -> None:
        """Remove the file and what names its run: nothing is left to do."""
        for path in (self.path, self.path.with_name(RUN)):
            path.unlink(missing_ok=True)

    def __enter__(self) -> "Journal[Result]":
        return self

    def __exit__(self, *_: type | BaseException | TracebackType | None) -> None:
        self._file.close()


def read_journal(path: Path, kind: type[Result]) -> Iterator[Result]:
    """The results of a finished or unfinished run, in order, one at a time."""
    return (_parsed(line, path, kind) for line in _lines(path))


def begin_run(path: Path, identity: dict[str, Any], what: str, mend: str = "") -> None:
    """Write beside a journal what its results depend on, and remove what a killed run left.

    Raises:
        InvalidInput: it is that of another run.
    """
    check_run(path, identity, what, mend)
    remove_partial(path.parent)
    write_json(path.with_name(RUN), identity)


def check_run(path: Path, identity: dict[str, Any], what: str, mend: str = "") -> None:
    """Refuse a journal with results of anything other than the same run.

    Args:
        path: of the journal.
        identity: all that the results depend on, as plain data.
        what: the kind of run, with its article.
        mend: what else can be done than to take another folder.

    Raises:
        InvalidInput: naming what differs.
    """
    if next(_lines(path), None) is None:
        return
    folder, run = path.parent, path.with_name(RUN)
    if not run.exists():
        raise InvalidInput(f"{folder} holds {path.name} without {RUN}; use another folder")
    try:
        begun = read_json(run, what)
        different = [name for name in identity if begun.get(name) != identity[name]]
    except (InvalidInput, AttributeError) as error:
        raise InvalidInput(f"{run} is not that of {what}; use another folder") from error
    if different:
        name = different[0]
        raise InvalidInput(
            f"{folder} holds {what} with {name} {begun.get(name)!r} instead of "
            f"{identity[name]!r}; use another folder{mend}"
        )


def _lines(path: Path) -> Iterator[bytes]:
    """The complete lines of a file; none where there is no file."""
    if not path.exists():
        return
    check_file(path, "results file", LARGEST_FILE)
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise InvalidInput(f"{path} has a line of more than {LONGEST_LINE // 2**20} MiB")
            if line.endswith(b"\n"):
                yield line


def _parsed(line: bytes, path: Path, kind: type[Result]) -> Result:
    try:
        values = parse_json(line, "result")
        json.dumps(values, allow_nan=False)  # as it was written
        return msgspec.convert(values, kind)
    except (InvalidInput, msgspec.ValidationError, ValueError) as error:
        raise InvalidInput(
            f"{path} is not the results file of such a run; use another folder or start afresh"
        ) from error
