"""Object affinity: prompts, scores, the substitute, encoders side by side."""

from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import seeded_clearclip, seeded_dino
from seeded_weights import seeded_image

from affordance_grasp.encoders.backbones import VitBackbone, load_backbone
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.methods.selectivecl.affinity import (
    AffinityBackbone,
    action_prompt,
    border_contrast,
    class_contrast,
    cosine_scores,
    entity_prompt,
    find_affinity,
    load_affinity_backbone,
    otsu_threshold,
    prompt_table,
)
from affordance_grasp.methods.shared.class_maps import KeyFeatures, unpack_keys
from affordance_grasp.query.vocabulary import AFFORDANCES

GOLDEN = Path(__file__).parent / "golden"


def grid_keys(keys):
    """Features whose attention nobody reads."""
    return KeyFeatures(keys, torch.zeros(len(keys), 1, keys.shape[2] * keys.shape[3]))


def test_prompts_are_the_released_ones():
    with np.load(GOLDEN / "selectivecl_infer.npz") as stored:
        assert [action_prompt(name) for name in AFFORDANCES] == list(stored["all_action_prompts"])
        assert [entity_prompt(name) for name in AFFORDANCES] == list(stored["all_entity_prompts"])


def test_a_table_row_is_the_action_then_the_entity():
    class Lengths:
        name, dim = "lengths", 1

        def encode(self, sentences):
            return torch.tensor([[float(len(sentence))] for sentence in sentences])

    table = prompt_table(Lengths(), ["hold", "cut_with"])
    assert table.tolist() == [[20.0, 21.0], [19.0, 25.0]]


def test_cosine_scores_know_the_angle_and_not_the_length():
    keys = grid_keys(torch.zeros(2, 3, 2, 2))
    features = torch.tensor([[[3.0, 0], [0, 5], [1, 1], [-2, 0]]]).expand(2, -1, -1)
    text = torch.tensor([[7.0, 0], [0, 0.1]])
    scores = cosine_scores(keys, features, text)
    half = 0.5**0.5
    expected = [[[1, 0], [half, -1]], [[0, 1], [half, 0]]]
    torch.testing.assert_close(scores, torch.tensor(expected))


def test_border_contrast_finds_what_is_unlike_the_border_whatever_the_text():
    keys = torch.zeros(1, 4, 8, 8)
    keys[:, 0] = 1
    keys[:, :, 3:5, 2:6] = torch.tensor([0.0, 2, 0, 0])[:, None, None]
    keys[:, :, 0, 0] = torch.tensor([0.0, 0, 1, 0])
    contrast = border_contrast(grid_keys(keys), torch.zeros(1, 64, 0), torch.zeros(1, 0))[0]
    expected = torch.zeros(8, 8)
    expected[3:5, 2:6] = 1
    expected[0, 0] = 1
    torch.testing.assert_close(contrast, expected, atol=1e-6, rtol=0)


def test_border_contrast_has_no_favourite_part_of_the_foreground():
    angles = torch.zeros(1, 8, 8)
    angles[:, 2:6, 2:4], angles[:, 2:6, 4:6] = 0.5 * torch.pi, 0.7 * torch.pi
    angles[:, 6, 6] = 0.1 * torch.pi
    keys = torch.stack([angles.cos(), angles.sin()], dim=1)
    contrast = border_contrast(grid_keys(keys), torch.zeros(1, 64, 0), torch.zeros(1, 0))[0]
    assert torch.equal(contrast[2:6, 2:6], torch.ones(4, 4))
    assert 0 < contrast[6, 6] < 0.1


def test_border_contrast_of_an_image_without_contrast_is_zero():
    contrast = border_contrast(
        grid_keys(torch.ones(2, 4, 8, 8)), torch.zeros(2, 64, 0), torch.zeros(2, 0)
    )
    assert torch.equal(contrast, torch.zeros(2, 8, 8))


def test_class_contrast_prefers_the_foreground_that_lies_along_the_row():
    keys = torch.zeros(1, 4, 8, 8)
    keys[:, 0] = 1
    keys[:, :, 3:5, 2:4] = torch.tensor([0.0, 2, 0, 0])[:, None, None]
    keys[:, :, 3:5, 4:6] = torch.tensor([0.0, 0, 2, 0])[:, None, None]
    rows = torch.tensor([[0.0, 1, 0, 0], [0, -1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    contrast = class_contrast(grid_keys(keys), torch.zeros(1, 64, 0), rows)
    expected = torch.zeros(4, 8, 8)
    expected[0, 3:5, 2:4] = 1
    expected[1, 3:5, 4:6] = 1
    expected[3, 3:5, 2:6] = 1
    torch.testing.assert_close(contrast, expected, atol=1e-6, rtol=0)


def test_otsu_threshold_parts_two_groups_of_values():
    values = torch.tensor([[9.0, 1, 0, 11, 10, 1], [5, 5, 5, 5, 5, 5], [0, 0, 0, 0, 0, 8]])
    torch.testing.assert_close(otsu_threshold(values), torch.tensor([5.0, 5, 4]))


def test_border_contrast_of_real_keys_stands_on_the_object():
    picture = np.full((224, 224, 3), (150, 120, 90), np.uint8)
    picture += np.random.default_rng(0).integers(0, 8, picture.shape, dtype=np.uint8)
    picture[70:150, 40:190] = (30, 60, 160)
    picture[95:125, 60:170] = (220, 220, 230)
    backbone = load_backbone("dinov2_vits14")
    with torch.inference_mode():
        keys = unpack_keys(backbone.keys(backbone.prepare(picture)), 6)
        contrast = border_contrast(keys, torch.zeros(1, 256, 0), torch.zeros(1, 0))[0]
    assert contrast[6:10, 4:13].mean() > 3 * contrast[:4].mean()


def test_encoders_side_by_side_give_what_they_give_alone():
    both = AffinityBackbone(seeded_dino(), seeded_clearclip())
    image = both.prepare(seeded_image(0))
    with torch.inference_mode():
        tokens = both.tokens(image)
        keys, patches = seeded_dino().keys(image), seeded_clearclip().tokens(image)
    assert tokens.shape == (1, 198, 384 + 512)
    torch.testing.assert_close(tokens[..., :384], keys)
    torch.testing.assert_close(tokens[:, 2:, 384:], patches[:, 1:])
    assert tokens[:, :2, 384:].abs().max() == 0


def test_the_digest_is_bound_to_both_encoders(monkeypatch):
    first = AffinityBackbone(seeded_dino(), seeded_clearclip()).sha256
    assert len(first) == 64
    monkeypatch.setattr(seeded_clearclip(), "sha256", "other")
    assert AffinityBackbone(seeded_dino(), seeded_clearclip()).sha256 != first


def test_encoders_on_different_grids_are_refused():
    with pytest.raises(InvalidInput, match="16 patches per side and clip_vitb16 14"):
        AffinityBackbone(VitBackbone("dinov2_vits14", None, 224), seeded_clearclip())


def test_the_substitute_needs_no_encoder_of_its_own():
    backbone = load_affinity_backbone("dinov2_vits14", "border_contrast")
    assert isinstance(backbone, VitBackbone)
    assert backbone.sha256 == load_backbone("dinov2_vits14").sha256
    assert find_affinity("border_contrast").text_dim == 0


def test_unknown_affinities_and_backbones_without_keys_are_refused():
    with pytest.raises(
        UnknownName, match="'magic'; known: clearclip, border_contrast, class_contrast"
    ):
        find_affinity("magic")
    with pytest.raises(InvalidInput, match="clip_vitb16 has no keys"):
        load_affinity_backbone("clip_vitb16", "clearclip", pretrained=False)
