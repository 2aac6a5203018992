"""The picks of an experiment: every way of choosing on the same objects in the same places."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from affordance_grasp.errors import UnknownName
from affordance_grasp.experiment.causes import Cause
from affordance_grasp.experiment.ways import EXACT, asks_a_method
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import known_affordances
from affordance_grasp.simulation.dataset.functional_parts import PartNames, functional_parts
from affordance_grasp.simulation.objects import TRIAL_SEED_START
from affordance_grasp.simulation.objects.imported import is_imported, label, read_card

FEWEST, MOST = 3, 6
"""Things on the table in clutter."""


@dataclass(frozen=True)
class Trial:
    """One pick: an object instance, its placement, what stands beside it, the way of choosing.

    ``method``: of the heatmap, empty where none is asked. ``neighbours``: tall things beside the
    object. ``clutter``: household objects beside it, and the query names the one that is meant.
    """

    family: str
    pose: int
    affordance: str = "hold"
    way: str = "bands"
    method: str = ""
    neighbours: int = 0
    clutter: bool = False

    @property
    def object_seed(self) -> int:
        """Seed of the object instance, outside the range of every data set."""
        return TRIAL_SEED_START + self.pose

    @property
    def placement_seed(self) -> int:
        """Seed of the placement: differs between families, equal for every way."""
        return 1000 * self.pose + sum(map(ord, label(self.family)))

    @property
    def scene(self) -> tuple[str, int, str]:
        """Equal for trials that differ in the way of choosing alone."""
        return self.family, self.pose, self.affordance

    @property
    def query(self) -> str:
        """The words that are asked."""
        return f"{self.affordance} the {self.noun}" if self.clutter else self.affordance

    @property
    def noun(self) -> str:
        """The family as it is called."""
        family = read_card(self.family).family if is_imported(self.family) else self.family
        return family.replace("_", " ")

    @property
    def others(self) -> int:
        """How many household objects stand beside the object: in clutter 2 to 5, by the pose."""
        return FEWEST - 1 + self.pose % (MOST - FEWEST + 1) if self.clutter else 0

    @property
    def rule(self) -> str:
        """The rule that ranks the grasps."""
        return "bands" if self.way == EXACT else self.way

    @property
    def column(self) -> str:
        """The way, and the method where it asks one."""
        return f"{self.method} {self.way}".strip()

    @property
    def parts(self) -> PartNames:
        """The functional parts by which the object is to be held."""
        return functional_parts(resolve_query(self.affordance, known_affordances()), self.family)


@dataclass(frozen=True)
class TrialResult:
    """Outcome of a trial.

    ``cause``: why it failed. ``aimed_at``: what the camera's picture shows where the chosen grasp
    closes, as ``object/part``; other things are ``neighbour0/…``; ``aimed_right``: that is a
    functional part of the object. ``turned_deg``: how far the
    object turned in the fingers from closing to the end. ``fault``: why planning failed.
    ``met_neighbours``: which of robot and object touched another thing.
    """

    trial: Trial
    lifted: bool
    by_part: bool
    cause: Cause = Cause.NONE
    aimed_at: str = ""
    aimed_right: bool = False
    parts_held: tuple[str, ...] = ()
    heat: float = 0.0
    width_m: float = 0.0
    turned_deg: float = 0.0
    fault: str = ""
    rejected: dict[str, int] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    met_neighbours: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        """Lifted and held by a functional part of the query."""
        return self.lifted and self.by_part


def make_trials(
    families: Sequence[str],
    poses: range,
    affordances: Sequence[str],
    ways: Sequence[str],
    methods: Sequence[str] = ("",),
    *,
    neighbours: int = 0,
    clutter: bool = False,
) -> list[Trial]:
    """Every way on the same objects at the same placements, scene by scene.

    Of several affordances each object gets those that it serves.

    Raises:
        UnknownName: an object or affordance is not known, or an object serves none of them.
    """
    asked = {family: _served(family, affordances) for family in families}
    return [
        Trial(family, pose, affordance, way, method, neighbours, clutter)
        for pose in poses
        for family in families
        for affordance in asked[family]
        for way in ways
        for method in (methods if asks_a_method(way) else ("",))
    ]


def _served(family: str, affordances: Sequence[str]) -> list[str]:
    """Those of the affordances that a family serves; refuses where it serves none."""
    served: list[str] = []
    refusal: UnknownName | None = None
    for affordance in affordances:
        try:
            functional_parts(resolve_query(affordance, known_affordances()), family)
            served.append(affordance)
        except UnknownName as error:
            refusal = error
    if refusal is not None and not served:
        raise refusal
    return served
