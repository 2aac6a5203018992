"""LoopTrans: its losses together, its ablations, what learns, its way through the grounder."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from seeded_weights import seeded_image

from affordance_grasp.datatypes import Region
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.methods.looptrans.config import LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.losses import correlation_loss
from affordance_grasp.methods.looptrans.network import LoopTrans
from affordance_grasp.methods.shared.class_maps import concentration_loss

SMALL = LoopTransConfig(image_side=56, classes=3, noise=2)


def make_batch(size=2, exo=3, rows=18):
    return LoopTransBatch(
        ego=torch.randn(size, rows, 384),
        exo=torch.randn(size, exo, rows, 384),
        label=torch.arange(size),
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    return LoopTrans(SMALL)


def test_total_is_the_weighted_sum_and_epochs_do_not_matter(network):
    batch = make_batch()
    terms = network.loss(batch, 0)
    assert list(terms) == ["cls", "mse", "dice", "corr", "denoise", "con", "total"]
    expected = (
        terms["cls"]
        + 10 * terms["mse"]
        + 2 * terms["dice"]
        + 1.5 * terms["corr"]
        + 0.05 * terms["denoise"]
        + 0.07 * terms["con"]
    )
    torch.testing.assert_close(terms["total"], expected)
    for name, value in network.loss(batch, 7).items():
        torch.testing.assert_close(value, terms[name], atol=0, rtol=0)


def test_images_packed_keys_and_known_clusters_give_the_same_losses():
    torch.manual_seed(0)
    network = LoopTrans(SMALL, load_backbone("dinov2_vits14", 56))
    images = torch.cat([network.prepare(seeded_image(k)) for k in range(4)])
    batch = LoopTransBatch(images[:2], images[[2, 3, 3, 2]].unflatten(0, (2, 2)), torch.arange(2))
    packed = replace(
        batch,
        ego=network.tokens(batch.ego),
        exo=network.tokens(batch.exo.flatten(0, 1)).unflatten(0, (2, 2)),
    )
    known = replace(packed, clusters=network.clusters(network.features(packed.ego).keys))
    from_images = network.loss(batch, 0)
    for other in (packed, known.to("cpu")):
        for name, value in network.loss(other, 0).items():
            torch.testing.assert_close(value, from_images[name])


def test_clusters_repeat_and_do_not_depend_on_the_rest_of_the_batch(network):
    keys = torch.randn(3, 384, 4, 4)
    labels = network.clusters(keys)
    assert labels.shape == (3, 16)
    assert set(labels.unique().tolist()) <= {0, 1, 2, 3}
    assert torch.equal(network.clusters(keys[1:2])[0], labels[1])


def test_the_paper_differs_where_it_is_said_to(network):
    batch = make_batch()
    released = network.loss(batch, 0)
    stated = replace(
        SMALL, concentration_weight=0.0, normalise_distillation=True, denoise_temperature=0.5
    )
    paper = LoopTrans(stated)
    paper.load_state_dict(network.state_dict())
    terms = paper.loss(batch, 0)
    for name in ("cls", "mse", "dice", "corr", "con"):
        torch.testing.assert_close(terms[name], released[name])
    assert terms["denoise"] != released["denoise"]


ABLATIONS = {
    "none": {"shared_cam": False, "pixel": False, "noise": 0},
    "S": {"pixel": False, "noise": 0},
    "D": {"shared_cam": False, "pixel": False},
    "SP": {"noise": 0},
    "SD": {"pixel": False},
    "P": {"shared_cam": False, "noise": 0},
}


@pytest.mark.parametrize("row", ABLATIONS)
def test_a_module_that_is_off_has_no_weights_and_no_terms(row):
    network = LoopTrans(replace(SMALL, **ABLATIONS[row]))
    terms = network.loss(make_batch(), 0)
    assert ("mse" in terms, "dice" in terms) == (("P" in row,) * 2)
    assert ("denoise" in terms) == ("D" in row)
    names = {name.split(".")[0] for name, _ in network.named_parameters()}
    own = {"scam"} if "S" in row else {"aff_ego_proj", "aff_exo_proj"}
    assert names == {"aff_proj", "aff_fc", *own} | ({"pixel_dec"} if "P" in row else set())
    assert network.aff_fc.out_channels == (5 if "D" in row else 3)
    terms["total"].backward()
    assert all(p.grad is not None for p in network.parameters())


def test_without_the_pixel_decoder_the_egocentric_map_answers_and_is_judged(network):
    plain = LoopTrans(replace(SMALL, pixel=False)).eval()
    batch = make_batch()
    ego, exo = network.features(batch.ego).keys, network.exo_keys(batch.exo)
    output = plain(ego, exo)
    assert torch.equal(output.pixel, output.ego)
    torch.testing.assert_close(plain.pixel_cams(ego), output.ego)
    terms = plain.loss(batch, 0)
    torch.testing.assert_close(terms["corr"], correlation_loss(output.ego, output.exo))
    torch.testing.assert_close(terms["con"], concentration_loss(output.ego))


def test_separate_blocks_that_are_equal_give_the_maps_of_the_shared_one(network):
    apart = LoopTrans(replace(SMALL, shared_cam=False)).eval()
    state = network.eval().state_dict()
    shared = {n.removeprefix("scam"): t for n, t in state.items() if n.startswith("scam.")}
    blocks = {f"aff_{v}_proj{n}": t for v in ("ego", "exo") for n, t in shared.items()}
    kept = {n: t for n, t in state.items() if not n.startswith("scam.")}
    apart.load_state_dict({**kept, **blocks})
    batch = make_batch()
    ego, exo = network.features(batch.ego).keys, network.exo_keys(batch.exo)
    torch.testing.assert_close(vars(apart(ego, exo)), vars(network(ego, exo)))
    with torch.no_grad():
        apart.aff_exo_proj[0].weight.zero_()
    changed, same = apart(ego, exo), network(ego, exo)
    assert not torch.allclose(changed.exo, same.exo)
    torch.testing.assert_close(changed.ego, same.ego)


def test_without_noise_heads_only_classes_compete():
    torch.manual_seed(0)
    with_noise, without = LoopTrans(SMALL), LoopTrans(replace(SMALL, noise=0))
    state = with_noise.state_dict()
    state.update({n: state[n][:3] for n in ("aff_fc.weight", "aff_fc.bias")})
    without.load_state_dict(state)
    batch = make_batch()
    output = without(without.features(batch.ego).keys, without.exo_keys(batch.exo))
    assert output.pixel.shape[1] == 3
    assert without.loss(batch, 0)["cls"] < with_noise.loss(batch, 0)["cls"]


def test_nothing_but_the_heads_is_trained():
    network = LoopTrans(replace(SMALL, clusters="concepts"), load_backbone("dinov2_vits14", 56))
    trained = [p for group in network.parameter_groups(1e-3) for p in group["params"]]
    expected = [
        p for n, p in network.named_parameters() if not n.startswith(("backbone.", "cluster."))
    ]
    assert {id(p) for p in trained} == {id(p) for p in expected}
    terms = network.loss(make_batch(), 0)
    terms["total"].backward()
    assert all(p.grad is not None for p in trained)
    assert all(p.grad is None for p in network.cluster.parameters())


def test_learns_where_a_class_lies():
    torch.manual_seed(0)
    network = LoopTrans(replace(SMALL, classes=2, image_side=112))
    packed = torch.randn(1, 66, 384)
    packed[:, 0] = 0.0  # no patch is more salient than another
    hot = torch.zeros(8, 8, dtype=torch.bool)
    hot[2:4, 2:4] = hot[6, 5:7] = True
    packed[0, 2:][hot.flatten()] += torch.randn(384)
    packed[0, 2:][~hot.flatten()] += 2 * torch.randn(384)
    clusters = hot.flatten().long()[None].expand(2, -1)
    batch = LoopTransBatch(
        packed.expand(2, -1, -1), packed.expand(2, 1, -1, -1), torch.arange(2), clusters
    )
    optimiser = torch.optim.SGD(network.parameter_groups(1e-3), momentum=0.9, nesterov=True)
    first = network.loss(batch, 0)["total"].item()
    for _ in range(12):
        optimiser.zero_grad()
        total = network.loss(batch, 0)["total"]
        total.backward()
        optimiser.step()
    assert total.item() < 0.8 * first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": 0}, "classes is 0; it must be a whole number >= 1"),
        ({"noise": -1}, "noise is -1; it must be a whole number >= 0"),
        ({"clusters": "none"}, "it must be one of concepts, kmeans"),
        ({"salient_heads": (0, 6)}, "among the 6 heads"),
        ({"salient_heads": ()}, "among the 6 heads"),
        ({"image_side": 225}, "multiple of the patch size 14"),
    ],
)
def test_refuses_sizes_that_do_not_fit(change, words):
    with pytest.raises(InvalidInput, match=words):
        replace(SMALL, **change)


def test_salient_heads_are_those_of_the_backbone_unless_they_are_given():
    assert LoopTransConfig().salient_heads == (1, 2, 4, 5)
    assert LoopTransConfig(backbone="dino_vits16").salient_heads == (0, 1, 3)
    stored = {**asdict(LoopTransConfig()), "backbone": "dino_vits16"}
    assert LoopTransConfig(**stored).salient_heads == (1, 2, 4, 5)


def test_config_survives_json():
    config = LoopTransConfig.paper(25)
    assert LoopTransConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.fixture(scope="module")
def grounder(tmp_path_factory):
    torch.manual_seed(0)
    backbone = load_backbone("dinov2_vits14")
    config = LoopTransConfig(classes=2)
    info = CheckpointInfo(
        method="looptrans",
        config=asdict(config),
        backbone=config.backbone,
        backbone_sha256=backbone.sha256,
        affordances=("hold", "cut_with"),
        text_encoder="none",
    )
    path = tmp_path_factory.mktemp("looptrans") / "random.safetensors"
    save_checkpoint(path, LoopTrans(config), info, torch.empty(2, 0))
    return load_grounder("looptrans", path)


def test_queries_share_one_pass_and_each_is_its_class(grounder, monkeypatch):
    color = np.ascontiguousarray(seeded_image(1, 320, 320)[:240])
    backbone, passes = grounder._network.backbone, []
    keys = backbone.keys
    monkeypatch.setattr(backbone, "keys", lambda images: passes.append(1) or keys(images))
    cut, hold = grounder.ground_many(color, ["cut", "grab it"], Region(20, 10, 300, 230))
    assert len(passes) == 1
    assert (cut.affordance, hold.affordance) == ("cut_with", "hold")
    assert cut.values.shape == (240, 320)
    assert (cut.values.min(), cut.values.max()) == (0, 1)
    assert cut.raw.shape == (16, 16)
    assert 0 < cut.confidence < 1
    network = grounder._network
    with torch.inference_mode():
        crop = np.ascontiguousarray(color[10:230, 20:300])
        cams = network.pixel_cams(network.features(network.prepare(crop)).keys)[0]
    np.testing.assert_allclose(hold.raw, cams[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(cut.raw, cams[1].numpy(), atol=1e-5)


def test_a_map_without_relief_has_no_heat(grounder, monkeypatch):
    monkeypatch.setattr(grounder._network, "maps", lambda *_: torch.full((1, 16, 16), -3.0))
    heatmap = grounder.ground(seeded_image(0), "hold")
    assert heatmap.values.max() == 0
    assert heatmap.confidence == 0
