"""Which object on the table a query means, how sure that is, or a question back."""

from collections.abc import Sequence
from dataclasses import dataclass

from affordance_grasp.choice.families import RecogniserProtocol
from affordance_grasp.choice.instances import Instance, find_instances
from affordance_grasp.choice.knowledge import Knowledge
from affordance_grasp.choice.matching import Match, Table
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import AmbiguousObject, NotServed, UnknownName
from affordance_grasp.query.nouns import load_nouns
from affordance_grasp.query.reference import Reference, read_reference
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import known_affordances
from affordance_grasp.scene.cloud import TableScene

LISTED = 6
"""Objects that a question names at most."""


@dataclass(frozen=True)
class Intent:
    """A query as a value: what is to be done, and with which object.

    ``affordance``: None where the words mean none of the vocabulary's, as a model of others may
    hear them.
    """

    query: str
    affordance: str | None
    reference: Reference

    @property
    def tells_apart(self) -> bool:
        """Whether the families of the objects matter: any object can be held."""
        universal = self.affordance in load_nouns().universal
        return not (universal and self.reference.is_empty)


def read_intent(query: str) -> Intent:
    """What a query asks for, and of which object."""
    try:
        affordance = resolve_query(query, known_affordances())
    except UnknownName:
        affordance = None
    return Intent(query, affordance, read_reference(query, affordance))


@dataclass(frozen=True)
class Choice:
    """The objects that a query may mean, the best first; of several the hottest is taken."""

    among: tuple[Instance, ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """Their labels in the scene."""
        return tuple(instance.label for instance in self.among)

    @property
    def label(self) -> int:
        """The label of the only one, or 0 where there are several."""
        return self.labels[0] if len(self.among) == 1 else 0

    def of(self, label: int) -> "Choice":
        """The same, once it is known which one of them is meant."""
        return Choice(tuple(i for i in self.among if i.label == label) or self.among)

    def __str__(self) -> str:
        """The object, where it is and how sure that is: ``red mug at ..., sure to 0.98``."""
        best = self.among[0]
        if not best.families:
            return best.placed
        if not best.name:
            return f"{best.placed}, of which it is not known what it is"
        return f"{best.placed}, sure to {best.families[best.name]:.2f}"


def look(
    frame: RgbdFrame, scene: TableScene, recogniser: RecogniserProtocol | None
) -> tuple[Instance, ...]:
    """The objects on the table, with their families where something can tell them."""
    instances = find_instances(frame, scene)
    return instances if recogniser is None else recogniser.recognise(frame, scene, instances)


def choose(intent: Intent, instances: Sequence[Instance], knowledge: Knowledge) -> Choice:
    """The object that is meant.

    Raises:
        AmbiguousObject: several are meant equally well, or none is; asks which one.
        NotServed: what is meant, or everything on the table, does not serve the affordance.
    """
    table, reference = Table(tuple(instances), knowledge), intent.reference
    if reference.refused:
        raise AmbiguousObject(f"{reference.refused}; {_which(table.instances)}")
    found = table.fitting(reference)
    if not found:
        raise AmbiguousObject(
            f"no {_wish(reference)} is known on the table, where there can be seen: "
            f"{_listed(table.instances)}; say which one"
        )
    serves = [knowledge.serves_it(m.instance.name, intent.affordance) for m in found]
    serving = [match for match, does in zip(found, serves, strict=True) if does]
    if not serving and None not in serves:
        raise NotServed(_unserved(intent, found))
    if not serving and False in serves:
        raise AmbiguousObject(_perhaps_served(intent, found, serves))
    serving = serving or found  # nothing is known of any of them
    if reference.definite and len(serving) > 1:
        raise AmbiguousObject(_which([match.instance for match in serving]))
    return Choice(tuple(match.instance for match in serving))


def _wish(reference: Reference) -> str:
    relations = (f" {r.kind.replace('_', ' ')} the {r.anchor}" for r in reference.relations)
    others = (f" other than the {each}" for each in reference.excluded)
    return "".join([str(reference.described), *relations, *others])


def _which(instances: Sequence[Instance]) -> str:
    """A question that names what is there."""
    return f"ambiguous: {_listed(instances)}; say which one"


def _listed(instances: Sequence[Instance]) -> str:
    named = [instance.placed for instance in instances[:LISTED]]
    more = f" and {len(instances) - LISTED} more" if len(instances) > LISTED else ""
    return f"{', '.join(named)}{more}"


def _perhaps_served(intent: Intent, found: Sequence[Match], serves: Sequence[bool | None]) -> str:
    verb = str(intent.affordance).replace("_", " ")
    unknown = [m.instance for m, does in zip(found, serves, strict=True) if does is None]
    return (
        f"nothing that is known on the table serves {verb!r}, and whether this does is not known: "
        f"{_listed(unknown)}; say which one"
    )


def _unserved(intent: Intent, found: Sequence[Match]) -> str:
    verb = str(intent.affordance).replace("_", " ")
    names = ", ".join(dict.fromkeys(match.instance.called for match in found))
    where = "" if intent.reference.is_empty else "what is meant, "
    return (
        f"nothing on the table serves {verb!r}: {where}{names}; put something on it that does, "
        "or ask to hold what is there"
    )
