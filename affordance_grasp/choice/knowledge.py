"""What is known of object families: which there are, and what each serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from affordance_grasp.query.nouns import load_nouns
from affordance_grasp.query.reference import Description
from affordance_grasp.query.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Knowledge:
    """``serves``: family -> the affordances that one of its parts serves."""

    serves: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def families(self, description: Description) -> frozenset[str]:
        """The known families that a description may mean; none where its name is not known."""
        own = description.noun.replace(" ", "_")
        named = description.families or ({own} if own in self.serves else frozenset())
        return frozenset(named) & frozenset(self.serves)

    def serves_it(self, family: str, affordance: str | None) -> bool | None:
        """Whether objects of a family serve an affordance; None where that is not known.

        Where no family serves it, the affordances that may stand for it count. What no family
        serves, nothing is known of, nor of an object of no known family; some
        verbs any object serves.
        """
        if affordance is None or affordance in load_nouns().universal:
            return True
        verbs, alike = {affordance}, set(load_vocabulary().instead.get(affordance, ()))
        if not self._anyone(verbs):
            verbs = alike
        if not self._anyone(verbs):
            return True
        return bool(verbs & self.serves[family]) if family in self.serves else None

    def _anyone(self, verbs: set[str]) -> bool:
        return any(verbs & served for served in self.serves.values())


NOTHING_KNOWN = Knowledge()
