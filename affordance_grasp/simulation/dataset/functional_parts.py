"""The functional part of each object family for each affordance, and its name in prompts.

As in AGD20K's annotation, *hold*, *hit*, *swing*, *lift* and *pour* are where the hand grasps the
object; *cut_with*, *stick*, *stir*, *brush_with*, *drink_with*, *sip*, *open* and *wash* are where
the object acts. Of the verbs that AGD20K has not, *squeeze*, *twist*, *turn_on* and *plug_in* are
where the hand is; *contain*, *dig*, *flip*, *hang*, *scoop*, *spread*, *strike_with*, *support*
and *wipe* are where the object acts: *hit* is the hammer's handle, *strike_with* its head.
"""

from affordance_grasp.errors import look_up
from affordance_grasp.simulation.objects.imported import is_imported, read_card

PartNames = tuple[str, ...]

FUNCTIONAL_PARTS: dict[str, dict[str, PartNames]] = {
    "brush_with": {"toothbrush": ("head",)},
    "cut_with": {"knife": ("blade",), "scissors": ("blade",), "axe": ("head",)},
    "drink_with": {"mug": ("rim",), "bottle": ("cap",), "wine_glass": ("rim",)},
    "hit": {"hammer": ("handle",), "axe": ("handle",)},
    "hold": {
        "mug": ("handle",),
        "knife": ("handle",),
        "teapot": ("handle",),
        "pan": ("handle",),
        "pressure_cooker": ("handle",),
        "spoon": ("handle",),
        "wrench": ("handle",),
        "screwdriver": ("handle",),
        "hammer": ("handle",),
        "bottle": ("body",),
        "bowl": ("wall", "rim"),
        "fork": ("handle",),
        "toothbrush": ("handle",),
        "scissors": ("handle",),
        "axe": ("handle",),
        "wine_glass": ("stem",),
        "turner": ("handle",),
        "ladle": ("handle",),
        "trowel": ("handle",),
        "tube": ("body",),
        "jar": ("body",),
        "sponge": ("body",),
        "plug": ("body",),
        "flashlight": ("body",),
        "lamp": ("stem",),
        "hanger": ("bar",),
    },
    "lift": {"fork": ("handle",), "pan": ("handle",), "pressure_cooker": ("handle",)},
    "open": {
        "bottle": ("cap",),
        "teapot": ("knob",),
        "pressure_cooker": ("knob",),
        "tube": ("cap",),
        "jar": ("lid",),
    },
    "pour": {
        "mug": ("handle",),
        "bottle": ("body",),
        "wine_glass": ("stem",),
        "teapot": ("handle",),
        "pan": ("handle",),
    },
    "sip": {"mug": ("rim",), "bottle": ("cap",), "wine_glass": ("rim",), "spoon": ("head",)},
    "stick": {"fork": ("tines",), "knife": ("blade",), "screwdriver": ("shaft", "tip")},
    "stir": {"bowl": ("inside",), "pan": ("inside",), "spoon": ("head",)},
    "swing": {"hammer": ("handle",), "axe": ("handle",)},
    "wash": {
        "mug": ("body", "rim", "bottom"),
        "bowl": ("inside", "wall", "rim"),
        "wine_glass": ("bowl", "rim"),
        "knife": ("blade",),
        "fork": ("tines",),
        "spoon": ("head",),
        "pan": ("inside", "wall"),
        "toothbrush": ("head",),
    },
    "contain": {"bowl": ("inside",), "pan": ("inside",), "ladle": ("bowl",)},
    "dig": {"trowel": ("blade",)},
    "flip": {"turner": ("blade",)},
    "hang": {"hanger": ("hook",), "ladle": ("hook",)},
    "plug_in": {"plug": ("body",)},
    "scoop": {"spoon": ("head",), "ladle": ("bowl",), "trowel": ("blade",)},
    "spread": {"knife": ("blade",), "turner": ("blade",)},
    "squeeze": {"tube": ("body",), "sponge": ("body",)},
    "strike_with": {"hammer": ("head",)},
    "support": {"turner": ("blade",)},
    "turn_on": {"flashlight": ("button",), "lamp": ("switch",)},
    "twist": {"bottle": ("cap",), "tube": ("cap",), "jar": ("lid",)},
    "wipe": {"sponge": ("pad",)},
}
"""affordance -> family -> names of the parts that serve it; first AGD20K's, then further ones."""


def serving_parts(family: str) -> dict[str, PartNames]:
    """Affordance -> the parts of a family, or of an imported object, that serve it."""
    if is_imported(family):
        return dict(sorted(read_card(family).serves.items()))
    table = FUNCTIONAL_PARTS.items()
    return {affordance: of[family] for affordance, of in table if family in of}


def functional_parts(affordance: str, family: str) -> PartNames:
    """Parts of a family that serve an affordance; refuses pairs without any."""
    if is_imported(family):
        return look_up(f"affordance of {family}", affordance, serving_parts(family))
    families = look_up("affordance", affordance, FUNCTIONAL_PARTS)
    return look_up(f"object for {affordance!r}", family, families)


def affordances_of(family: str) -> tuple[str, ...]:
    """Affordances that a family serves: AGD20K's first, either alphabetically."""
    return tuple(serving_parts(family))


def prompt(affordance: str, family: str) -> str:
    """Prompt for a part detector, e.g. ``knife blade``, ``mug handle``, ``pan inside``."""
    return prompt_of(family, functional_parts(affordance, family))


def prompt_of(family: str, parts: PartNames) -> str:
    """As :func:`prompt`, for parts that are known."""
    return f"{family} {parts[0]}".replace("_", " ")
