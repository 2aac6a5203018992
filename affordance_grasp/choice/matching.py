"""How well each object on the table fits a description."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from affordance_grasp.choice.instances import Instance
from affordance_grasp.choice.knowledge import Knowledge
from affordance_grasp.query.reference import Description, Reference, Relation

FITS, MAY_FIT = 0.5, 0.2
"""Score from which an object fits, and from which it is not taken where it is ruled out."""
RIVAL = 0.6
"""Share of the best score from which another object is as good."""
COLOURED = 0.35
"""Share of an object that has a colour from which the object is called so."""
UNNAMED = 0.5
"""Score of an object that was not recognised for a name that is not known."""
NEAR_M, BESIDE_M = 0.30, 0.02
"""Farthest thing that is near, and least distance to the side of what is beside."""
CLEARLY_M, CLEARLY = 0.015, 0.06
"""By how much a place [m], or a size as a share, must differ to be told apart."""

Order = Callable[[Instance], float]
PLACES: dict[str, Order] = {
    "leftmost": lambda i: i.place_m[0],
    "rightmost": lambda i: -i.place_m[0],
    "nearest": lambda i: i.place_m[1],
    "farthest": lambda i: -i.place_m[1],
}
SIZES: dict[str, Order] = {
    "biggest": lambda i: -i.size_m,
    "smallest": lambda i: i.size_m,
    "tallest": lambda i: -i.height_m,
    "flattest": lambda i: i.height_m,
    "longest": lambda i: -i.length_m,
    "shortest": lambda i: i.length_m,
}
SIDES: dict[str, Callable[[Instance, Instance], float]] = {
    "left_of": lambda i, anchor: anchor.place_m[0] - i.place_m[0],
    "right_of": lambda i, anchor: i.place_m[0] - anchor.place_m[0],
    "in_front_of": lambda i, anchor: anchor.place_m[1] - i.place_m[1],
    "behind": lambda i, anchor: i.place_m[1] - anchor.place_m[1],
}
"""Relation -> how far [m] an object is on that side of another."""


@dataclass(frozen=True)
class Match:
    """An object that fits, and how well: 0..1."""

    instance: Instance
    score: float


@dataclass(frozen=True)
class Table:
    """The objects on the table, and what is known of their families."""

    instances: tuple[Instance, ...]
    knowledge: Knowledge

    def fitting(self, reference: Reference) -> list[Match]:
        """All objects that a reference may mean, the best first; one, where all is clear."""
        excluded = {
            match.instance.label
            for description in reference.excluded
            for match in self._ordered(self._matches(description, MAY_FIT), description)
        }
        found = self._matches(reference.described, FITS)
        found = [match for match in found if match.instance.label not in excluded]
        for relation in reference.relations:
            found = self._related(found, relation)
        found = self._ordered(found, reference.described)
        return [match for match in found if match.score >= RIVAL * found[0].score]

    def _matches(self, description: Description, least: float) -> list[Match]:
        scored = [Match(i, self.score(i, description)) for i in self.instances]
        return sorted((m for m in scored if m.score >= least), key=lambda m: -m.score)

    def score(self, instance: Instance, description: Description) -> float:
        """How well an object fits the name and the colours of a description, 0..1."""
        shares = [instance.colours.get(name, 0.0) for name in description.colours]
        looks = min([1.0, *(min(1.0, share / COLOURED * FITS) for share in shares)])
        if not description.noun:
            return looks
        families = self.knowledge.families(description)
        if families:
            return looks * sum(instance.families.get(name, 0.0) for name in families)
        return looks * (0.0 if instance.name else UNNAMED)

    def _ordered(self, found: list[Match], description: Description) -> list[Match]:
        """The one at the described place in the order of those that fit, where that is clear."""
        extreme, rank = description.extreme, description.rank
        if not extreme or not found:
            return found
        if extreme == "middle":
            return _middle(found)
        order = {**PLACES, **SIZES}[extreme]
        sorted_by = sorted(found, key=lambda match: order(match.instance))
        if rank > len(sorted_by):
            return []
        chosen = sorted_by[rank - 1]
        return [m for m in sorted_by if m is chosen or _alike(extreme, m, chosen, order)]

    def _related(self, found: list[Match], relation: Relation) -> list[Match]:
        """Those that stand so to what the relation names; all, where that cannot be told."""
        if relation.kind == "unread" or not found:
            return found
        anchors = self._ordered(self._matches(relation.anchor, FITS), relation.anchor)
        if not anchors:
            return found if len(found) == 1 else []
        if relation.kind in SIDES:
            side = SIDES[relation.kind]
            return [m for m in found if any(_stands(side, m, anchor) for anchor in anchors)]
        return _nearest(found, anchors)


def _stands(side: Callable[[Instance, Instance], float], match: Match, anchor: Match) -> bool:
    return match.instance is not anchor.instance and (
        side(match.instance, anchor.instance) > BESIDE_M
    )


def _nearest(found: Sequence[Match], anchors: Sequence[Match]) -> list[Match]:
    """Those nearest to an anchor; several where none is clearly nearer."""
    gaps = {
        match.instance.label: min(
            (
                match.instance.distance_m(anchor.instance)
                for anchor in anchors
                if anchor.instance is not match.instance
            ),
            default=NEAR_M,
        )
        for match in found
    }
    least = min(gaps.values())
    if least >= NEAR_M:
        return []
    return [match for match in found if gaps[match.instance.label] <= least + CLEARLY_M]


def _alike(extreme: str, match: Match, chosen: Match, order: Order) -> bool:
    a, b = order(match.instance), order(chosen.instance)
    apart = CLEARLY_M if extreme in PLACES else CLEARLY * max(abs(a), abs(b))
    return abs(a - b) < apart


def _middle(found: list[Match]) -> list[Match]:
    """The one with as many to its left as to its right; all, where they are an even number."""
    in_order = sorted(found, key=lambda match: match.instance.place_m[0])
    return found if len(found) % 2 == 0 else [in_order[len(found) // 2]]
