"""How many images of which size the simulated affordance data set has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta

from affordance_grasp.configuration.settings import Count, Seed, Settings, Word, about

Split = Literal["Seen", "Unseen"]
Light = Literal["lamps", "soft"]
Verbs = Literal["all", "agd20k"]
SPLITS: tuple[Split, ...] = get_args(Split)
PROCEDURAL = "procedural"
Images = Annotated[int, Meta(ge=1, le=2000)]


@dataclass(frozen=True)
class DatasetConfig(Settings, title="data set"):
    """Numbers of images and their size."""

    seed: Annotated[Seed, about("of all random draws")] = 0
    ego_per_object: Annotated[Images, about("train images of every object")] = 60
    exo_per_pair: Annotated[Images, about("images of people, for every verb of an object")] = 24
    test_per_object: Annotated[Images, about("test images of every object")] = 12
    size: Annotated[int, Meta(ge=64, le=800), about("shorter side in pixels")] = 320
    splits: Annotated[tuple[Split, ...], about("splits to write: Seen, Unseen")] = SPLITS
    objects: Annotated[
        tuple[Word, ...],
        about("procedural, and folders of imported objects, such as ycb; also with commas"),
    ] = (PROCEDURAL,)
    verbs: Annotated[
        Verbs, about("all, or agd20k: its verbs alone, on the sixteen families that serve them")
    ] = "all"
    light: Annotated[
        Light, about("lamps, or soft: area lights, and a camera's exposure, lens and JPEG")
    ] = "lamps"
    backgrounds: Annotated[
        Path | None, about("folder of photographs to lie on ground and walls")
    ] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The words of ``objects``, each by itself."""
        return tuple(filter(None, ",".join(self.objects).split(",")))


@dataclass(frozen=True)
class ClipConfig(Settings, title="clips"):
    """How many clips, of how many frames, and whether they show the contact."""

    per_pair: Annotated[Count, about("clips of every verb and object")] = 8
    frames: Annotated[int, Meta(ge=4, le=256), about("of a clip")] = 12
    size: Annotated[int, Meta(ge=64, le=800), about("side in pixels")] = 256
    hidden: Annotated[bool, about("something stands before the contact")] = False
    seed: Annotated[Seed, about("of all random draws")] = 0
