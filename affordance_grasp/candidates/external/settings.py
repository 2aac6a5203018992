"""Settings of the external grasp generators: address, convention, limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from affordance_grasp.candidates.external.conventions import find_convention
from affordance_grasp.candidates.external.conversion import GraspConversion
from affordance_grasp.errors import InvalidInput, UnknownName

AS_CONVENTION = -1.0


@dataclass(frozen=True)
class ExternalSettings:
    """Where a generator runs and which convention it uses; the defaults suit each generator.

    ``address``: of a ZMQ server. ``command``: program to run, with its arguments.
    ``convention``: a name of ``conventions.CONVENTIONS``; empty: the generator's own.
    ``hand``: which hand the model was trained with; empty: what the server or the convention
    says. ``tip_offset_m``: from its origin to the fingertips; negative: as the hand has it.
    ``timeout_s``: for one frame. ``max_grasps``: how many to ask for.
    """

    address: str = "tcp://127.0.0.1:5556"
    command: str = ""
    convention: str = ""
    hand: str = ""
    tip_offset_m: float = AS_CONVENTION
    timeout_s: float = 10.0
    max_grasps: int = 200

    def __post_init__(self) -> None:
        """Refuse unknown conventions and hands, and waits without end."""
        if not 0 < self.timeout_s <= 600:
            raise InvalidInput(f"generator timeout is {self.timeout_s} s; must be in (0, 600]")
        if not 1 <= self.max_grasps <= 10_000:
            raise InvalidInput(f"max_grasps is {self.max_grasps}; must be within 1..10000")
        if not self.tip_offset_m <= 1.0:
            raise InvalidInput(f"tip_offset_m is {self.tip_offset_m} m; must be at most 1")
        if self.convention:
            find_convention(self.convention).tip_offset_m(self.hand)

    def conversion(self, convention: str, hand: str = "") -> GraspConversion:
        """The conversion for this generator's grasps.

        Args:
            convention: the generator's own, unless the settings name one.
            hand: the hand that the generator reports it was trained with.
        """
        chosen = find_convention(self.convention or convention)
        if self.tip_offset_m >= 0:
            return GraspConversion(chosen, self.tip_offset_m)
        theirs = hand if chosen.name == convention else ""  # a hand of another convention is none
        return GraspConversion(chosen, chosen.tip_offset_m(self.hand or theirs))


def settings_from_words(words: Sequence[str]) -> ExternalSettings:
    """Settings from words such as ``convention=gpd``, as a command line has them.

    Raises:
        UnknownName: there is no setting of that name; lists the known ones.
        InvalidInput: a word without ``=``, or a number that is none.
    """
    kinds = {name: type(value) for name, value in vars(ExternalSettings()).items()}
    values = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator:
            raise InvalidInput(f"generator option {word!r} must be NAME=VALUE")
        if name not in kinds:
            raise UnknownName("generator option", name, tuple(kinds))
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            kind = kinds[name].__name__
            raise InvalidInput(f"generator option {name} is {text!r}; must be {kind}") from error
    return ExternalSettings(**values)
