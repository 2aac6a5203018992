"""What can go wrong, one class per fact.

Every message is one sentence that says what was wrong, where, and what would be right. The
command line prints it and exits with code 2; a service answers it with ``success = false``.
"""

LONGEST_SHOWN = 60


class AffordanceGraspError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInput(AffordanceGraspError):
    """An image, depth map, intrinsics matrix, file or argument is not usable."""


class UnknownName(AffordanceGraspError):
    """A name (query, method, generator, object) that is not known; lists the known ones."""

    def __init__(self, kind: str, name: str, known: list[str] | tuple[str, ...]) -> None:
        """Name the kind of thing, the unknown name and every known one."""
        super().__init__(f"unknown {kind} {_shown(name)}; known: {', '.join(known)}")
        self._named = kind, name, known

    def __reduce__(self) -> tuple[type, tuple]:
        """Make it anew from what it was made of: a process hands its errors to another so."""
        return type(self), self._named


class CheckpointError(AffordanceGraspError):
    """A checkpoint is missing, corrupt, or belongs to another backbone or method."""


class NoObject(AffordanceGraspError):
    """No object stands out of the table in the depth image."""


class LowConfidence(AffordanceGraspError):
    """The heatmap is too vague for an arm to move by it."""


class Unreachable(AffordanceGraspError):
    """The arm cannot make the motion; ``reason`` is a value of :class:`datatypes.Reason`."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the machine-readable reason beside the sentence."""
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple]:
        """As of :class:`UnknownName`."""
        return type(self), (self.reason, str(self))


class MotionFault(AffordanceGraspError):
    """A motion was started and could not be finished; the arm stands still."""


def _shown(name: str) -> str:
    """A name as a sentence quotes it: on one line, and cut where it is endless."""
    name = str(name)
    return repr(name if len(name) <= LONGEST_SHOWN else name[:LONGEST_SHOWN] + "...")
