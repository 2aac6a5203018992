"""Phrases and parts of affordances as a language model suggests them, for a person to look at."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from affordance_grasp.datasets.affordances_file import AffordanceNotes
from affordance_grasp.errors import ExternalFault, shown

QUESTION = """For a robot that uses household objects, answer with one JSON object alone:
{{"VERB": {{"phrases": ["up to five short ways to ask for it"], "parts": {{"OBJECT": "PART of the \
OBJECT"}}}}}}
where PART is what a hand or a tool touches for VERB. Keep every VERB and OBJECT as written:
{pairs}"""
Text = Annotated[str, Meta(max_length=100, pattern=r"^[^\W_][\w' -]*\Z")]


@dataclass(frozen=True)
class _Suggested:
    phrases: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    parts: Mapping[str, Text] = field(default_factory=dict)


def question(pairs: Mapping[str, Sequence[str]]) -> str:
    """What to ask about the objects of every verb."""
    lines = (f"{verb}: {', '.join(objects)}" for verb, objects in pairs.items())
    return QUESTION.format(pairs="\n".join(lines))


def read_suggestions(
    answer: str, pairs: Mapping[str, Sequence[str]]
) -> dict[str, AffordanceNotes]:
    """The suggestions of an answer; text around its JSON is passed over.

    Raises:
        ExternalFault: it is of another shape, or of verbs or objects that were not asked about.
    """
    found = re.search(r"\{.*\}", answer, re.DOTALL)
    try:
        stored = msgspec.json.decode(found[0] if found else "", type=dict[str, _Suggested])
    except msgspec.DecodeError as error:
        raise ExternalFault(f"the model's suggestions cannot be read ({error})") from error
    for verb, each in stored.items():
        strange = [name for name in each.parts if name not in pairs.get(verb, ())]
        for name in (*strange, *([] if verb in pairs else [verb])):
            raise ExternalFault(f"the model suggests {shown(name)}, which was not asked about")
    return {verb: AffordanceNotes(each.phrases, each.parts) for verb, each in stored.items()}
