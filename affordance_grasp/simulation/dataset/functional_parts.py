"""The functional part of each object family for each affordance, and its name in prompts.

As in AGD20K's annotation, *hold*, *hit*, *swing*, *lift* and *pour* are where the hand grasps the
object; *cut_with*, *stick*, *stir*, *brush_with*, *drink_with*, *sip*, *open* and *wash* are where
the object acts.
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
    },
    "lift": {"fork": ("handle",), "pan": ("handle",), "pressure_cooker": ("handle",)},
    "open": {"bottle": ("cap",), "teapot": ("knob",), "pressure_cooker": ("knob",)},
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
}
"""affordance -> family -> names of the parts that serve it."""


def serving_parts(family: str) -> dict[str, PartNames]:
    """Affordance -> the parts of a family, or of an imported object, that serve it."""
    if is_imported(family):
        return dict(sorted(read_card(family).serves.items()))
    table = sorted(FUNCTIONAL_PARTS.items())
    return {affordance: of[family] for affordance, of in table if family in of}


def functional_parts(affordance: str, family: str) -> PartNames:
    """Parts of a family that serve an affordance; refuses pairs without any."""
    if is_imported(family):
        return look_up(f"affordance of {family}", affordance, serving_parts(family))
    families = look_up("affordance", affordance, FUNCTIONAL_PARTS)
    return look_up(f"object for {affordance!r}", family, families)


def affordances_of(family: str) -> tuple[str, ...]:
    """Affordances that a family serves, alphabetically."""
    return tuple(serving_parts(family))


def prompt(affordance: str, family: str) -> str:
    """Prompt for a part detector, e.g. ``knife blade``, ``mug handle``, ``pan inside``."""
    return prompt_of(family, functional_parts(affordance, family))


def prompt_of(family: str, parts: PartNames) -> str:
    """As :func:`prompt`, for parts that are known."""
    return f"{family} {parts[0]}".replace("_", " ")
