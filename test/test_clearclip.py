"""ClearCLIP: patch features and text features of the released code, from seeded weights."""

import copy
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from seeded_networks import seeded_clearclip, seeded_clip_tensors
from seeded_weights import seeded_image
from torch.nn import functional

from affordance_grasp.encoders.backbones import IMAGENET_MEAN, IMAGENET_STD, Clip
from affordance_grasp.encoders.clearclip import TEXT_NAMES, ClipText, clip_tokens
from affordance_grasp.errors import CheckpointError

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "selectivecl_infer.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def image():
    rgb = torch.from_numpy(seeded_image(0)).permute(2, 0, 1)[None] / 255
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (rgb - mean[:, None, None]) / std[:, None, None]


def test_patches_are_the_released_ones(golden, image):
    with torch.inference_mode():
        tokens = seeded_clearclip().tokens(image)
    assert tokens.shape == (1, 197, 512)
    patches = tokens[0, 1:][golden["clearclip_rows"]]
    torch.testing.assert_close(patches, torch.from_numpy(golden["clearclip"]), atol=2e-5, rtol=0)


def test_the_plain_last_block_is_not_computed(image):
    clear = copy.deepcopy(seeded_clearclip())
    last, dim = clear.visual.transformer.resblocks[-1], clear.visual.ln_post.normalized_shape[0]
    with torch.inference_mode():
        expected = clear.tokens(image)
        last.attn.in_proj_weight[dim : 2 * dim] = torch.nan
        for parameter in (*last.ln_2.parameters(), *last.mlp.parameters()):
            parameter.fill_(torch.nan)
        torch.testing.assert_close(clear.tokens(image), expected, atol=0, rtol=0)


def test_clip_gives_the_tokens_of_open_clip(image):
    clip, model = seeded_clearclip(), open_clip.create_model("ViT-B-16-quickgelu")
    model.visual.load_state_dict(clip.visual.state_dict())
    with torch.inference_mode():
        expected = model.eval().visual.forward_intermediates(
            image, indices=1, normalize_intermediates=True, output_fmt="NLC"
        )["image_intermediates"][0]
        found = Clip.tokens(clip, image)[:, 1:]
        torch.testing.assert_close(found, expected @ clip.visual.proj, atol=2e-5, rtol=1e-5)


def test_it_differs_from_clip_only_in_the_last_block(image):
    clear = seeded_clearclip()
    with torch.inference_mode():
        assert not torch.allclose(Clip.tokens(clear, image), clear.tokens(image), atol=1e-2)


def test_text_features_and_token_ids_are_the_released_ones(golden):
    labels = golden["labels"]
    features = ClipText(seeded_clip_tensors()).encode(golden["all_action_prompts"][labels])
    released = functional.normalize(torch.from_numpy(golden["text_feats"]), dim=1)
    torch.testing.assert_close(features, released, atol=2e-6, rtol=0)
    for kind in ("action", "entity"):
        ids = clip_tokens(golden[f"all_{kind}_prompts"].tolist())
        np.testing.assert_array_equal(ids, golden[f"all_{kind}_tokens"])


def test_a_text_side_with_missing_or_foreign_tensors_is_refused():
    image_only = {n: t for n, t in seeded_clip_tensors().items() if n.startswith("visual.")}
    with pytest.raises(CheckpointError, match=r"text encoder clip_vitb16 .*missing: positional"):
        ClipText(image_only)
    with pytest.raises(CheckpointError, match=r"clip_vitb16 .*unexpected: surplus"):
        ClipText({**seeded_clip_tensors(), "surplus": torch.zeros(1)})


def test_the_names_of_the_text_side_are_all_that_is_not_the_image_side():
    assert {n for n in seeded_clip_tensors() if not n.startswith("visual.")} == TEXT_NAMES
