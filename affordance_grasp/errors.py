"""What can go wrong, one class per fact.

Every message is one sentence that says what was wrong, where, and what would be right. The
command line prints it and exits with the class's ``exit_code``: 2 for what the caller gave, 3 for
what this machine lacks. A service answers it with ``success = false``.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Entry = TypeVar("Entry")
LONGEST_SHOWN = 60
LONGEST_SENTENCE = 1200
FULL = (errno.ENOSPC, errno.EDQUOT)
BARRED = (errno.EACCES, errno.EPERM, errno.EROFS)


class AffordanceGraspError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 2

    def __init__(self, message: object = "") -> None:
        """Keep the message as one line of bounded length, whatever it quotes."""
        super().__init__(sentence(message))


class InvalidInput(AffordanceGraspError):
    """An image, depth map, intrinsics matrix, file or argument is not usable."""


class UnknownName(AffordanceGraspError):
    """A name (query, method, generator, object) that is not known; lists the known ones."""

    def __init__(self, kind: str, name: str, known: list[str] | tuple[str, ...]) -> None:
        """Name the kind, the unknown name and every known one."""
        super().__init__(f"unknown {kind} {shown(name)}; known: {', '.join(known)}")
        self._named = kind, name, known

    def __reduce__(self) -> tuple[type, tuple]:
        """Rebuild it from its arguments, to pass it between processes."""
        return type(self), self._named


def look_up(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The entry ``name`` of a table.

    Raises:
        UnknownName: there is none of that name; lists the known ones.
    """
    if name not in table:
        raise UnknownName(kind, name, tuple(table))
    return table[name]


class CheckpointError(AffordanceGraspError):
    """A checkpoint is missing, corrupt, or belongs to another backbone or method."""


class NoObject(AffordanceGraspError):
    """No object is above the table in the depth image."""


class AmbiguousObject(NoObject):
    """Several objects, or none, may be the one that a query means: a question back."""

    exit_code = 1


class NotServed(NoObject):
    """What is on the table is known, and does not serve what is asked."""

    exit_code = 1


class NoMatch(AffordanceGraspError):
    """Nothing in the image is like the part that examples show."""


class LowConfidence(AffordanceGraspError):
    """The heatmap's confidence is too low to move an arm."""


class Unreachable(AffordanceGraspError):
    """The arm cannot make the motion; ``reason`` is a value of :class:`datatypes.Reason`."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the machine-readable reason beside the sentence."""
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple]:
        """As of :class:`UnknownName`."""
        return type(self), (self.reason, str(self))


class ExternalFault(AffordanceGraspError):
    """A model of others is absent, too slow, or its answer is not usable."""


class EnvironmentFault(AffordanceGraspError):
    """The input is valid and this machine cannot do it; once fixed, the same call works."""

    exit_code = 3


class MissingPackage(EnvironmentFault):
    """A package or system library that this call needs is not installed; names it."""


class NotWritable(EnvironmentFault):
    """A file or folder may not be written by this user, or lies on a read-only disk."""


class StorageFull(NotWritable):
    """The disk or the quota is full."""


class WorkerDied(EnvironmentFault):
    """A process that worked for this one has died, perhaps for lack of memory."""


class MotionFault(AffordanceGraspError):
    """A motion was started and could not be finished; the arm stands still."""


def sentence(message: object) -> str:
    """A message on one line, with control characters spelled out, and its middle left out if long.

    Messages quote names and values of strangers, which may hold what a terminal obeys.
    """
    words = _cut(" ".join(str(message).split()))
    return _cut(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    )


def _cut(text: str) -> str:
    end = LONGEST_SENTENCE // 3
    return text if len(text) <= 3 * end else f"{text[: 2 * end]} [...] {text[-end:]}"


def shown(name: str) -> str:
    """A name as a sentence quotes it: on one line, and cut where it is endless."""
    name = str(name)
    return repr(name if len(name) <= LONGEST_SHOWN else name[:LONGEST_SHOWN] + "...")


def first_line(error: Exception) -> str:
    """The first line of a library's error message, or the kind of error without one."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


@contextmanager
def reading(wrong: str, kind: type[AffordanceGraspError] = InvalidInput) -> Iterator[None]:
    """Raise what a parser says of a stranger's file as one sentence that begins ``wrong``."""
    try:
        yield
    except (AffordanceGraspError, MemoryError):
        raise
    except Exception as error:  # struct, zlib, Lookup, Assertion ...: the file may be anything
        raise kind(f"{wrong} ({first_line(error)})") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise any error of writing to ``path`` as one sentence.

    Raises:
        StorageFull: no room is left.
        NotWritable: it is not allowed.
        InvalidInput: the path itself cannot be, such as a folder below a file.
    """
    try:
        yield
    except OSError as error:
        sentence = f"{path} cannot be written ({error.strerror or error})"
        if error.errno in FULL:
            room = "free some room, or name a folder on another disk"
            raise StorageFull(f"{sentence}; {room}") from error
        raise (NotWritable if error.errno in BARRED else InvalidInput)(sentence) from error
