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

    def refuses(self, family: str, affordance: str | None) -> bool:
        """Whether objects of a family are known not to serve an affordance.

        What no family serves, nothing is known of; some verbs any object serves.
        """
        if affordance is None or affordance in load_nouns().universal:
            return False
        verbs = {affordance, *load_vocabulary().instead.get(affordance, ())}
        anybody = any(verbs & served for served in self.serves.values())
        return anybody and not verbs & self.serves.get(family, frozenset())


NOTHING_KNOWN = Knowledge()
