"""SelectiveCL: its losses together, its maps, what learns, its way through the grounder."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from seeded_networks import seeded_dino
from seeded_weights import seeded_image
from small_selectivecl import SMALL, make_batch
from torch.nn import functional

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.methods.selectivecl import network as selectivecl
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.losses import pixel_loss
from affordance_grasp.methods.selectivecl.network import SelectiveCl, smooth
from affordance_grasp.methods.selectivecl.parts import Parts


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SelectiveCl(SMALL).eval()


def test_total_is_the_plain_sum_and_every_head_learns():
    torch.manual_seed(0)
    network = SelectiveCl(SMALL)
    terms = network.loss(make_batch(), 1)
    assert list(terms) == ["ce_ego", "ce_exo", "pixel", "proto", "total"]
    torch.testing.assert_close(terms["total"], sum(terms[n] for n in list(terms)[:4]))
    terms["total"].backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("change", "absent"),
    [
        ({"prototypes": "none", "pixel_contrast": False}, {"pixel", "proto"}),
        ({"prototypes": "object", "pixel_contrast": False}, {"pixel"}),
        ({"prototypes": "part", "pixel_contrast": False}, {"pixel"}),
        ({"prototypes": "none"}, {"proto"}),
    ],
)
def test_a_loss_that_is_off_has_no_weights_and_no_term(network, change, absent):
    fewer = SelectiveCl(replace(SMALL, **change)).eval()
    projections = {"pixel": "pixel_contrast_projection", "proto": "K_contrast_projection"}
    gone = tuple(projections[term] for term in absent)
    kept = {n: t for n, t in network.state_dict().items() if not n.startswith(gone)}
    fewer.load_state_dict(kept)
    full, terms = network.loss(make_batch(), 0), fewer.loss(make_batch(), 0)
    assert set(full) - set(terms) == absent
    if "proto" in terms and change["prototypes"] == "part":
        torch.testing.assert_close(terms["proto"], full["proto"])
    torch.testing.assert_close(terms["total"], sum(v for n, v in terms.items() if n != "total"))
    terms["total"].backward()
    assert all(p.grad is not None for p in fewer.parameters())


def test_prototypes_of_objects_are_those_of_samples_without_a_reliable_part(network):
    objects = SelectiveCl(replace(SMALL, prototypes="object")).eval()
    unreliable = SelectiveCl(replace(SMALL, overlap=2.0)).eval()
    eager = SelectiveCl(replace(SMALL, overlap=0.0)).eval()
    for other in (objects, unreliable, eager):
        other.load_state_dict(network.state_dict())
    batch = make_batch()
    for epoch in (0, 1):
        found = objects.loss(batch, epoch)["proto"]
        torch.testing.assert_close(found, unreliable.loss(batch, epoch)["proto"])
        assert found != eager.loss(batch, epoch)["proto"]
    ego, exo = objects.encode_ego(batch.ego, batch.text), objects.encode_exo(batch.exo, batch.text)
    assert torch.equal(objects.find_parts(ego, exo, batch, 0).exo, exo.affinity)


def test_the_cams_shape_the_backgrounds_from_the_second_epoch_on(network):
    batch = make_batch()
    first, second, third = (network.loss(batch, epoch) for epoch in (0, 1, 2))
    assert first["proto"] != second["proto"]
    for name, value in second.items():
        torch.testing.assert_close(value, third[name])
        if name not in ("proto", "total"):
            torch.testing.assert_close(value, first[name])


def test_autocast_leaves_affinities_and_parts_as_they_are(network):
    """bfloat16 rounds the cosines of keys that are much alike to 1, and their contrast to 0."""
    batch = make_batch()
    alike = replace(batch, ego=batch.ego + 30, exo=batch.exo + 30)
    found = []
    for narrow in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            ego, exo = (
                network.encode_ego(alike.ego, alike.text),
                network.encode_exo(alike.exo, alike.text),
            )
            terms = network.loss(alike, 0)
        assert {t.dtype for t in (ego.hidden, exo.hidden, *terms.values())} == {torch.float32}
        found.append((ego.affinity, exo.action, exo.affinity))
    for exact, narrow in zip(*found, strict=True):
        torch.testing.assert_close(narrow, exact)


def test_pixels_are_grouped_by_the_exocentric_bar_and_by_the_object_where_none_passes(network):
    batch = make_batch()
    ego, exo = network.encode_ego(batch.ego, batch.text), network.encode_exo(batch.exo, batch.text)
    features = network.pixel_contrast_projection(ego.hidden).flatten(2)
    anchors = network.anchors(ego).flatten(1)
    half = ego.affinity.max() / 2
    for level, group in ((9.0, anchors), (half.item(), ego.affinity.flatten(1) > half)):
        action = torch.full_like(exo.action, 10.0)
        action[:, 1] = level - 1
        action[:, 1, 3, 3] = level
        loss = network._pixel_loss(ego, replace(exo, action=action))
        torch.testing.assert_close(loss, pixel_loss(features, group, anchors, 0.5))


@pytest.mark.parametrize("epoch", [0, 1])
def test_what_is_pooled_for_anchors_parts_and_backgrounds(network, monkeypatch, epoch):
    batch = make_batch()
    ego, exo = network.encode_ego(batch.ego, batch.text), network.encode_exo(batch.exo, batch.text)
    torch.manual_seed(3)
    maps = torch.randn_like(ego.affinity), torch.randn_like(exo.affinity)
    parts = Parts(*maps, torch.tensor([True, False, True]), torch.zeros(3, 3))
    monkeypatch.setattr(selectivecl, "prototype_loss", lambda prototypes, *rest: prototypes)
    found = network._prototype_loss(ego, exo, parts, batch.label, epoch)
    ego_weight, exo_weight = (torch.ones_like(part) for part in maps)
    if epoch:
        samples = torch.arange(3)
        ego_weight = ego.cam[samples, batch.label].clamp(min=0)
        exo_weight = exo.cam[samples, :, batch.label].clamp(min=0)
    features = network.K_contrast_projection(ego.hidden)
    exo_features = network.K_contrast_projection(exo.hidden[:, 1])
    whole = torch.ones_like(ego.affinity)
    anchor = torch.stack([ego.affinity[0], whole[1], ego.affinity[2]])
    for pooled, field, weights in (
        (found.anchor, features, anchor),
        (found.ego, features, parts.ego),
        (found.ego_background, features, 1 - parts.ego * ego_weight),
        (found.exo[:, 1], exo_features, parts.exo[:, 1]),
        (found.exo_background[:, 1], exo_features, 1 - parts.exo[:, 1] * exo_weight[:, 1]),
    ):
        mean = (field * weights[:, None]).mean(dim=(2, 3))
        torch.testing.assert_close(pooled, functional.normalize(mean, dim=1))


def test_calibration_weighs_the_cam_by_the_affinity(network):
    tokens, label = make_batch().ego[:1], torch.arange(5)
    maps = network.calibrated_maps(tokens, torch.zeros(5, 0), label)
    assert maps.raw.shape == (5, 8, 8)
    weight = maps.affinity[0] - maps.affinity[0].min()
    weight = weight / weight.max()
    torch.testing.assert_close(maps.calibrated, weight * maps.raw)
    torch.testing.assert_close(maps.smoothed, weight * smooth(maps.raw))
    for output in ("raw", "calibrated", "smoothed"):
        configured = SelectiveCl(replace(SMALL, output=output)).eval()
        configured.load_state_dict(network.state_dict())
        given = configured.maps(tokens, torch.zeros(5, 0), label)
        torch.testing.assert_close(given, getattr(maps, output))


def test_several_queries_at_once_are_the_queries_one_by_one(network):
    tokens = make_batch().ego[:1]
    together = network.maps(tokens, torch.zeros(3, 0), torch.tensor([4, 0, 2]))
    alone = [network.maps(tokens, torch.zeros(1, 0), torch.tensor([k])) for k in (4, 0, 2)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_smoothing_counts_only_neighbours_inside():
    maps = torch.arange(9.0).view(1, 3, 3)
    expected = [[2, 2.5, 3], [3.5, 4, 4.5], [5, 5.5, 6]]
    torch.testing.assert_close(smooth(maps), torch.tensor([expected]))


def test_images_and_their_tokens_give_the_same_losses():
    torch.manual_seed(0)
    network = SelectiveCl(SMALL, load_backbone("dinov2_vits14", 112)).eval()
    images = torch.randn(6, 3, 112, 112)
    rest = {"label": torch.tensor([0, 1]), "text": torch.zeros(2, 0)}
    rest["initial"] = torch.zeros(2, 3, dtype=torch.long)
    tokens = network.tokens(images)
    from_images = SelectiveClBatch(images[:2], images[2:].unflatten(0, (2, 2)), **rest)
    from_tokens = SelectiveClBatch(tokens[:2], tokens[2:].unflatten(0, (2, 2)), **rest)
    one, other = network.loss(from_images, 1), network.loss(from_tokens, 1)
    for name, value in one.items():
        torch.testing.assert_close(value, other[name])


def test_random_initial_rows_follow_the_seed(network):
    batch = replace(make_batch(), initial=None)
    values = []
    for seed in (1, 1):
        torch.manual_seed(seed)
        values.append(network.loss(batch, 0)["proto"].item())
    assert values[0] == values[1]


def test_the_classifier_learns_at_the_base_rate_and_the_projection_tenfold(network):
    groups = network.parameter_groups(1e-3)
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert rate[id(network.aff_proj.fc1.weight)] == pytest.approx(1e-2)
    assert rate[id(network.aff_proj.fc1.bias)] == pytest.approx(2e-2)
    assert rate[id(network.aff_classifier.weight)] == pytest.approx(1e-3)
    assert rate[id(network.aff_classifier.bias)] == pytest.approx(2e-3)


def test_running_statistics_move_as_by_two_evaluations():
    torch.manual_seed(0)
    network = SelectiveCl(SMALL).train()
    batch = make_batch()
    projected = network.aff_proj(network._split(batch.ego)[0].keys)
    mean = network.aff_ego_proj[0](projected).mean(dim=(0, 2, 3))
    network.loss(batch, 0)
    torch.testing.assert_close(network.aff_ego_proj[1].running_mean, 0.1 * mean + 0.09 * mean)


def test_refuses_keys_without_the_affinitys_own_encoder():
    network = SelectiveCl(SelectiveClConfig.paper(), seeded_dino())
    with pytest.raises(InvalidInput, match="affinity clearclip needs its own encoder"):
        network.tokens(torch.zeros(1, 3, 224, 224))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An embedded checkpoint for two affordances whose head was never trained."""
    torch.manual_seed(0)
    backbone = load_backbone("dinov2_vits14")
    network = SelectiveCl(SelectiveClConfig(classes=2), backbone)
    info = CheckpointInfo(
        method="selectivecl",
        config=asdict(network.config),
        backbone="dinov2_vits14",
        backbone_sha256=backbone.sha256,
        affordances=("hold", "cut_with"),
        text_encoder="none",
    )
    path = tmp_path_factory.mktemp("selectivecl") / "random.safetensors"
    save_checkpoint(path, network, info, torch.zeros(2, 0))
    return path


def test_the_grounder_grounds_with_one_backbone_pass(checkpoint, monkeypatch):
    grounder = load_grounder("selectivecl", checkpoint)
    backbone, passes = grounder._network.backbone, []
    keys = backbone.keys
    monkeypatch.setattr(backbone, "keys", lambda images: passes.append(1) or keys(images))
    color = np.ascontiguousarray(seeded_image(1, 320, 320)[:240])
    held, cut = grounder.ground_many(color, ["grab it", "cut"])
    assert len(passes) == 1
    assert (held.affordance, cut.affordance, held.method) == ("hold", "cut_with", "selectivecl")
    for heatmap in (held, cut):
        assert heatmap.values.shape == (240, 320)
        assert heatmap.raw.shape == (16, 16)
        assert 0 <= heatmap.values.min() < 0.1
        assert heatmap.values.max() == 1
        assert 0 < heatmap.confidence < 1
    assert not np.allclose(held.raw, cut.raw)
