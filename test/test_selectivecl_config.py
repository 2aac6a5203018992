"""SelectiveCL: what a configuration refuses, and how it is kept."""

import json
from dataclasses import asdict, replace

import pytest
from small_selectivecl import SMALL

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.methods.selectivecl.config import SelectiveClConfig


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affinity": "magic"}, "unknown affinity 'magic'"),
        ({"backbone": "resnet"}, "unknown backbone 'resnet'"),
        ({"image_side": 225}, "multiple of the patch size 14"),
        ({"output": "best"}, "output is 'best'; it must be one of"),
        ({"exo_indexing": "none"}, "exo_indexing is 'none'; it must be one of"),
        ({"foreground": "all"}, "foreground is 'all'; it must be one of"),
        ({"prototypes": "all"}, "prototypes is 'all'; it must be one of"),
        (
            {"backbone": "clip_vitb16", "affinity": "class_contrast"},
            "learns directions of 384 channels, the keys of clip_vitb16 have 512",
        ),
    ],
)
def test_refuses_names_and_sizes_that_do_not_exist(change, words):
    with pytest.raises((InvalidInput, UnknownName), match=words):
        replace(SMALL, **change)


def test_the_attention_finds_the_foreground_of_the_published_encoders():
    published = {"backbone": "dino_vits16", "affinity": "clearclip"}
    assert SelectiveClConfig(**published).foreground == "attention"
    assert SelectiveClConfig(**published, foreground="affinity").foreground == "affinity"
    assert SelectiveClConfig(backbone="dino_vits16").foreground == "affinity"
    assert SelectiveClConfig().foreground == "affinity"


def test_config_survives_json():
    paper = SelectiveClConfig.paper()
    assert SelectiveClConfig(**json.loads(json.dumps(asdict(paper)))) == paper
