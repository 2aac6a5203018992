"""The settings of a plan, from image to grasp: declared here once for commands and nodes."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.configuration.settings import (
    Count,
    Seed,
    Settings,
    Share,
    Word,
    about,
    one_of,
)
from affordance_grasp.grounding.settings import ExternalModel
from affordance_grasp.methods.table import DEFAULT_METHOD, EXTERNAL, demo_checkpoint
from affordance_grasp.rules import RULES
from affordance_grasp.share import DEFAULT_ROBOT

if TYPE_CHECKING:
    from affordance_grasp.grounding.correspondence import ExampleGrounder
    from affordance_grasp.grounding.external import ExternalGrounder
    from affordance_grasp.grounding.grounder import Grounder


@dataclass(frozen=True)
class GrounderOptions(ExternalModel, title="grounder"):
    """The grounding network and its device, or a model of others."""

    method: Annotated[
        Word,
        about("grounding method, or external: a model of others"),
        one_of("method", "affordance_grasp.methods.table:GROUNDERS"),
    ] = DEFAULT_METHOD
    checkpoint: Annotated[
        Path | None, about("checkpoint file; empty: the one that comes with the package")
    ] = None
    like: Annotated[
        Path | None,
        about("folder of pictures with a marked part, sought in place of what the query means"),
    ] = None
    device: Annotated[Word, about("torch device, such as cpu or cuda:0")] = "cpu"
    precision: Annotated[
        Word,
        about("of the encoder; auto is the faster one on this processor"),
        one_of("precision", "affordance_grasp.encoders.device:PRECISIONS"),
    ] = "auto"

    def load(self) -> "Grounder | ExampleGrounder | ExternalGrounder":
        """The network, the examples or the model of others, ready to ground."""
        if self.like is not None:
            from affordance_grasp.grounding.correspondence import load_example_grounder

            return load_example_grounder(self.like, self.device, self.precision)
        if self.method == EXTERNAL:
            from affordance_grasp.grounding.external import ExternalGrounder

            return ExternalGrounder(self)
        from affordance_grasp.grounding.grounder import load_grounder

        return load_grounder(self.method, self.checkpoint, self.device, self.precision)


@dataclass(frozen=True)
class RankingOptions(Settings, title="ranking"):
    """The ranking of the candidates."""

    rule: Annotated[
        Word,
        about("how candidates are ranked", live=True),
        one_of("selection rule", "affordance_grasp.rules:RULES"),
    ] = "bands"
    seed: Annotated[Seed, about("of the plane fit and the generator's random choices")] = 0
    min_confidence: Annotated[
        Share,
        about("least confidence of the heatmap to move an arm, asked by the selector", live=True),
    ] = 0.2


@dataclass(frozen=True)
class RobotOptions(Settings, title="robot"):
    """The robot: its limits, its gripper and its camera mounting."""

    robot_file: Annotated[
        Path, about("the robot's settings: limits, gripper, camera mounting")
    ] = Path(DEFAULT_ROBOT)


@dataclass(frozen=True)
class PlanningOptions(GrounderOptions, RankingOptions, RobotOptions, title="planning"):
    """All settings of a plan besides the frame and the query."""

    generator: Annotated[
        Word,
        about("where grasps come from"),
        one_of("generator", "affordance_grasp.candidates.generators:GENERATORS"),
    ] = "antipodal"
    generator_options: Annotated[
        ExternalSettings,
        about("of an external generator; may be repeated", flag="generator-option"),
    ] = field(default_factory=ExternalSettings)
    top: Annotated[Count, about("how many grasps to report")] = 10

    def checkpoint_sha256(self) -> str:
        """Digest of the checkpoint, or of the examples; empty where none is needed or there."""
        if self.method == EXTERNAL and self.like is None:
            return ""
        path = self.like or self.checkpoint or demo_checkpoint(self.method)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        contents = [file.read_bytes() for file in files if file.is_file()]
        needed = RULES[self.rule].needs_heat and contents
        return sha256(b"".join(contents)).hexdigest() if needed else ""
