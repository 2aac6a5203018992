"""Settings of the external grasp generators: address, convention, limits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from affordance_grasp.configuration.settings import Settings, about

if TYPE_CHECKING:
    from affordance_grasp.candidates.external.conversion import GraspConversion

AS_CONVENTION = -1.0


@dataclass(frozen=True)
class ExternalSettings(Settings, title="generator"):
    """Where a generator runs and which convention it uses; the defaults suit each generator."""

    address: Annotated[str, about("of the server of the generator graspgen")] = (
        "tcp://127.0.0.1:5556"
    )
    command: Annotated[str, about("program of the generator command, run on every frame")] = ""
    persistent: Annotated[
        bool, about("that program stays up and reads the folder of each frame from its input")
    ] = False
    convention: Annotated[
        str, about("of an external generator's poses; empty: its own, else tcp")
    ] = ""
    hand: Annotated[
        str, about("which an external generator was trained with; empty: as it reports")
    ] = ""
    tip_offset_m: Annotated[
        float,
        Meta(le=1),
        about(
            "from the origin of a generator's poses to its fingertips [m]; negative: as the hand"
        ),
    ] = AS_CONVENTION
    timeout_s: Annotated[
        float, Meta(gt=0, le=600), about("how long to wait for an external generator [s]")
    ] = 10.0
    max_grasps: Annotated[
        int, Meta(ge=1, le=10_000), about("how many grasps to ask an external generator for")
    ] = 200

    def check(self) -> None:
        """Refuse unknown conventions and hands."""
        from affordance_grasp.candidates.external.conventions import find_convention

        if self.convention:
            find_convention(self.convention).tip_offset_m(self.hand)

    def conversion(self, convention: str, hand: str = "") -> "GraspConversion":
        """The conversion for this generator's grasps.

        Args:
            convention: the generator's own, unless the settings name one.
            hand: the hand that the generator reports it was trained with.
        """
        from affordance_grasp.candidates.external.conventions import find_convention
        from affordance_grasp.candidates.external.conversion import GraspConversion

        chosen = find_convention(self.convention or convention)
        if self.tip_offset_m >= 0:
            return GraspConversion(chosen, self.tip_offset_m)
        theirs = hand if chosen.name == convention else ""  # a hand of another convention is none
        return GraspConversion(chosen, chosen.tip_offset_m(self.hand or theirs))
