"""Files that appear whole or not at all."""

import os
from pathlib import Path

from affordance_grasp.errors import writing


def write_file(path: Path, content: bytes | str) -> Path:
    """Write a file, making its folder; an interruption leaves the previous content.

    Raises:
        StorageFull, NotWritable, InvalidInput: see :func:`errors.writing`.
    """
    whole = content.encode() if isinstance(content, str) else content
    target = path.resolve()  # a link stays one
    with writing(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            target.write_bytes(whole)  # a device or a pipe is written to, never replaced
            return path
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(whole)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return path
