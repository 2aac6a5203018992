"""SelectiveCL: known answers of losses and part discovery, and figures of the released code."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import seeded_clearclip, seeded_dino, seeded_head, selectivecl_shapes
from seeded_weights import seeded_image
from torch.nn import functional

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.grounding import selectivecl
from affordance_grasp.grounding.affinity import AffinityBackbone
from affordance_grasp.grounding.backbones import load_backbone
from affordance_grasp.grounding.checkpoint import Checkpoint, CheckpointInfo, save_checkpoint
from affordance_grasp.grounding.comparison import training_losses
from affordance_grasp.grounding.grounder import Grounder, load_grounder
from affordance_grasp.grounding.methods import restore_network
from affordance_grasp.grounding.official import find_format
from affordance_grasp.grounding.selectivecl import SelectiveCl, smooth
from affordance_grasp.grounding.selectivecl_config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.grounding.selectivecl_losses import Prototypes, pixel_loss, prototype_loss
from affordance_grasp.grounding.selectivecl_parts import (
    PartEvidence,
    PartRules,
    Parts,
    discover_parts,
    foreground_mask,
)
from affordance_grasp.grounding.vocabulary import AFFORDANCES

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[1].parent / "shared" / "golden"
SMALL = SelectiveClConfig(image_side=112, classes=5)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SelectiveCl(SMALL).eval()


def make_batch(size=3, views=2):
    generator = torch.Generator().manual_seed(0)
    return SelectiveClBatch(
        ego=torch.randn(size, 66, 384, generator=generator),
        exo=torch.randn(size, views, 66, 384, generator=generator),
        label=torch.arange(size) % 2,
        text=torch.zeros(size, 0),
        initial=torch.zeros(size, 3, dtype=torch.long),
    )


# Losses


def test_prototype_loss_of_one_sample_is_its_softmax_over_view_and_backgrounds():
    x, y = torch.eye(4)[:1], torch.eye(4)[1:2]
    prototypes = Prototypes(anchor=x, ego=x, exo=x[None], ego_background=y, exo_background=y[None])
    loss = prototype_loss(prototypes, torch.tensor([3]), 0.5)
    share = np.exp(2) / (np.exp(2) + 2)
    assert loss.item() == pytest.approx(-0.5 / 0.07 * np.log(share), rel=1e-6)


def plain_prototype_loss(p, label, temperature):
    """The definition, one comparison at a time."""
    total = 0.0
    views = p.exo.shape[1]
    for b in range(len(label)):

        def closeness(vector, b=b):
            return torch.exp(p.anchor[b] @ vector / temperature)

        relevant = [(label[j], p.ego[j]) for j in range(len(label)) if j != b]
        relevant += [(label[j], p.exo[j, e]) for j in range(len(label)) for e in range(views)]
        others = [p.ego_background[j] for j in range(len(label)) if label[j] == label[b]]
        others += [
            p.exo_background[j, e]
            for j in range(len(label))
            for e in range(views)
            if label[j] == label[b]
        ]
        denominator = sum(closeness(v) for _, v in relevant) + sum(closeness(v) for v in others)
        shares = [torch.log(closeness(v) / denominator) for k, v in relevant if k == label[b]]
        total -= sum(shares) / len(shares)
    return temperature / 0.07 * total / len(label)


def test_prototype_loss_is_the_plain_sum_over_pairs():
    torch.manual_seed(1)
    vectors = {
        name: functional.normalize(torch.randn(4, *middle, 6), dim=-1)
        for name, middle in (
            ("anchor", ()),
            ("ego", ()),
            ("exo", (2,)),
            ("ego_background", ()),
            ("exo_background", (2,)),
        )
    }
    label = torch.tensor([1, 0, 1, 2])
    loss = prototype_loss(Prototypes(**vectors), label, 0.5)
    expected = plain_prototype_loss(Prototypes(**vectors), label, 0.5)
    torch.testing.assert_close(loss, expected)


def plain_pixel_loss(features, group, anchors, temperature):
    """The definition, one comparison at a time."""
    images = []
    for feature, kinds, chosen in zip(
        functional.normalize(features, dim=1), group, anchors, strict=True
    ):
        closeness = torch.exp(feature.T @ feature / temperature)
        terms = []
        for p in chosen.nonzero()[:, 0].tolist():
            others = [q for q in range(len(kinds)) if q != p]
            alike = [q for q in others if kinds[q] == kinds[p]]
            if alike:
                denominator = sum(closeness[p, q] for q in others)
                shares = [torch.log(closeness[p, q] / denominator) for q in alike]
                terms.append(sum(shares) / len(shares))
        images.append(sum(terms) / len(terms) if terms else torch.zeros(()))
    return -temperature / 0.07 * sum(images) / len(images)


def test_pixel_loss_is_the_plain_sum_over_pairs_and_drops_anchors_without_positives():
    torch.manual_seed(2)
    features = torch.randn(3, 5, 9)
    group = torch.rand(3, 9) > 0.5
    group[1] = torch.arange(9) == 4
    anchors = torch.rand(3, 9) > 0.4
    anchors[1, 4] = True
    anchors[2] = False
    loss = pixel_loss(features, group, anchors, 0.5)
    torch.testing.assert_close(loss, plain_pixel_loss(features, group, anchors, 0.5))


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
    ego, exo = objects.see_ego(batch.ego, batch.text), objects.see_exo(batch.exo, batch.text)
    assert torch.equal(objects.find_parts(ego, exo, batch, 0).exo, exo.affinity)


def test_the_cams_shape_the_backgrounds_from_the_second_epoch_on(network):
    batch = make_batch()
    first, second, third = (network.loss(batch, epoch) for epoch in (0, 1, 2))
    assert first["proto"] != second["proto"]
    for name, value in second.items():
        torch.testing.assert_close(value, third[name])
        if name not in ("proto", "total"):
            torch.testing.assert_close(value, first[name])


def test_pixels_are_grouped_by_the_exocentric_bar_and_by_the_object_where_none_passes(network):
    batch = make_batch()
    ego, exo = network.see_ego(batch.ego, batch.text), network.see_exo(batch.exo, batch.text)
    features = network.pixel_contrast_projection(ego.hidden).flatten(2)
    anchors = network.anchors(ego).flatten(1)
    for level, group in (
        (9.0, anchors),
        (ego.affinity.median().item(), ego.affinity.flatten(1) > ego.affinity.median()),
    ):
        action = torch.full_like(exo.action, 10.0)
        action[:, 1] = level - 1
        action[:, 1, 3, 3] = level
        loss = network._pixel_loss(ego, replace(exo, action=action))
        torch.testing.assert_close(loss, pixel_loss(features, group, anchors, 0.5))


@pytest.mark.parametrize("epoch", [0, 1])
def test_what_is_pooled_for_anchors_parts_and_backgrounds(network, monkeypatch, epoch):
    batch = make_batch()
    ego, exo = network.see_ego(batch.ego, batch.text), network.see_exo(batch.exo, batch.text)
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


# Part discovery


def scene(grid=8, views=2):
    """Keys 0 background, 1 and 2 two parts of one object, 3 what the exocentric images add.

    The ego image shows the parts as two bars; the exocentric images say that part 1 matters.
    """
    codes = functional.normalize(torch.eye(6)[:4] + 0.1, dim=1)
    ego = torch.zeros(grid, grid, dtype=torch.long)
    ego[1:4, 2:6], ego[4:7, 2:6] = 1, 2
    exo = torch.zeros(views, grid, grid, dtype=torch.long)
    exo[:, 2:5, 1:4], exo[:, 2:5, 5] = 1, 3
    relevance = (exo > 0) * 0.8 + torch.linspace(0, 0.1, grid)
    return PartEvidence(
        ego_keys=codes[ego].permute(2, 0, 1)[None],
        exo_keys=codes[exo].permute(0, 3, 1, 2)[None],
        ego_affinity=torch.full((1, grid, grid), 0.3),
        exo_affinity=torch.arange(views * grid**2).view(1, views, grid, grid) / 1000,
        relevance=relevance[None],
        foreground=(ego > 0)[None],
    ), ego


def test_the_part_that_overlaps_the_foreground_is_found_everywhere():
    evidence, ego = scene()
    rules = PartRules(overlap=0.7)
    first_of_part, first_of_other = 0, 3
    initial = torch.tensor([[first_of_part, first_of_other, first_of_other]])
    parts = discover_parts(evidence, rules, initial)
    assert parts.reliable.tolist() == [True]
    assert parts.overlap[0].argmax() == 0
    assert parts.overlap[0, 0].item() == pytest.approx((1 + 24 / 24) / 2)
    assert parts.ego[0][ego == 1].min() > parts.ego[0][ego != 1].max() + 0.1
    assert parts.exo[0, :, 3, 2].min() > parts.exo[0, :, 6].max() + 0.1


def test_a_part_that_misses_the_foreground_leaves_the_affinities():
    evidence, ego = scene()
    initial = torch.tensor([[0, 3, 3]])
    elsewhere = replace(evidence, foreground=(ego == 0)[None])
    parts = discover_parts(elsewhere, PartRules(overlap=0.9), initial)
    assert parts.reliable.tolist() == [False]
    assert torch.equal(parts.ego, evidence.ego_affinity)
    assert torch.equal(parts.exo, evidence.exo_affinity)


def test_too_few_relevant_patches_are_no_part():
    evidence, _ = scene()
    two = torch.zeros_like(evidence.relevance)
    two[0, :, 0, 0] = 1
    parts = discover_parts(replace(evidence, relevance=two), PartRules(overlap=0.0))
    assert parts.reliable.tolist() == [False]
    assert parts.overlap.isnan().all()


def test_the_released_indexing_reads_one_row_and_the_top_row_of_keys():
    evidence, _ = scene()
    released = PartRules(exo_indexing="released", overlap=2.0)
    parts = discover_parts(evidence, released)
    rows = evidence.exo_affinity.flatten(0, 1)[0, :2]
    torch.testing.assert_close(parts.exo[0], rows[:, None].expand(2, 8, 8))
    changed = evidence.exo_keys.clone()
    changed[:, :, :, 1:] = torch.randn_like(changed[:, :, :, 1:])
    torch.manual_seed(0)
    one = discover_parts(evidence, released)
    torch.manual_seed(0)
    other = discover_parts(replace(evidence, exo_keys=changed), released)
    torch.testing.assert_close(one.overlap, other.overlap, equal_nan=True)


def test_heads_vote_for_the_foreground():
    attention = torch.zeros(1, 3, 4, 4)
    attention[:, :, 1, 1] = 5.0
    attention[:, 0, 2, 2] = 1.0
    mask = foreground_mask(attention)[0]
    assert mask.nonzero().tolist() == [[1, 1], [2, 2]]
    assert not foreground_mask(torch.ones(1, 3, 4, 4)).any()


# The network


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affinity": "magic"}, "unknown affinity 'magic'"),
        ({"backbone": "resnet"}, "unknown backbone 'resnet'"),
        ({"image_side": 225}, "multiple of the patch size 14"),
        ({"output": "best"}, "output 'best' is not one of"),
        ({"exo_indexing": "none"}, "exo_indexing 'none' is not one of"),
        ({"foreground": "all"}, "foreground 'all' is not one of"),
        ({"prototypes": "all"}, "prototypes 'all' is not one of"),
    ],
)
def test_refuses_names_and_sizes_that_do_not_exist(change, words):
    with pytest.raises((InvalidInput, UnknownName), match=words):
        replace(SMALL, **change)


def test_config_survives_json():
    paper = SelectiveClConfig.paper()
    assert SelectiveClConfig(**json.loads(json.dumps(asdict(paper)))) == paper


def test_refuses_keys_without_the_affinitys_own_encoder():
    network = SelectiveCl(SelectiveClConfig.paper(), seeded_dino())
    with pytest.raises(InvalidInput, match="affinity clearclip needs its own encoder"):
        network.tokens(torch.zeros(1, 3, 224, 224))


# The paper's configuration against figures of the released code with the same seeded weights.


@pytest.fixture(scope="module")
def paper_network():
    network = SelectiveCl(SelectiveClConfig.paper())
    network.load_state_dict(seeded_head())
    network.backbone = AffinityBackbone(seeded_dino(), seeded_clearclip())
    return network.eval()


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "selectivecl_infer.npz") as stored:
        names = [name for name in stored.files if stored[name].dtype.kind in "fi"]
        return {name: torch.from_numpy(stored[name]) for name in names}


@pytest.fixture(scope="module")
def inference(paper_network, golden):
    images = torch.cat([paper_network.prepare(seeded_image(k)) for k in range(4)])
    text = golden["text_feats"].repeat(1, 2)
    with torch.inference_mode():
        tokens = paper_network.tokens(images)
        cams = paper_network.see_ego(tokens, text).cam
        return cams, paper_network.calibrated_maps(tokens, text, golden["labels"])


def test_paper_network_gives_the_released_maps(paper_network, inference, golden):
    cams, maps = inference
    close = {"atol": 2e-5, "rtol": 0}
    torch.testing.assert_close(cams[:, :, 7], golden["logits14_row_of_cells"], **close)
    torch.testing.assert_close(maps.raw, golden["cam14"], **close)
    torch.testing.assert_close(maps.calibrated, golden["calib14"], **close)
    torch.testing.assert_close(maps.smoothed, golden["calib_mean14"], **close)
    torch.testing.assert_close(maps.affinity, golden["A_ego_cos"], **close)
    for ours, name in (
        (maps.raw, "heat_cam224"),
        (maps.calibrated, "heat_calib224"),
        (maps.smoothed, "heat_calib_mean224"),
    ):
        heat = paper_network.heat(ours)[:, ::8, ::8]
        torch.testing.assert_close(heat, golden[f"{name}_every_8th"], atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def training_tokens(paper_network):
    path = SHARED / "train_batch_imagenet.npz"
    if not path.exists():
        pytest.skip(f"the images of a released training step are not here: {path.name}")
    with np.load(path) as stored:
        images = {name: torch.from_numpy(stored[name]) for name in stored.files}
    with torch.no_grad():
        ego = paper_network.tokens(images["ego"])
        exo = paper_network.tokens(images["exo"].flatten(0, 1)).unflatten(0, (3, 3))
    return ego, exo, images["labels"]


def released_step(file, epoch, training_tokens):
    """The batch and the figures of one released training step."""
    path = SHARED / file
    if not path.exists():
        pytest.skip(f"the figures of a released training step are not here: {path.name}")
    start = f"ep{epoch}_"
    with np.load(path) as stored:
        text = np.concatenate([stored["text_action"], stored["text_entity"]], axis=1)
        figures = {k.removeprefix(start): stored[k] for k in stored.files if k.startswith(start)}
    none = np.zeros(3, np.int64)
    initial = [figures.get(f"kmeans{sample}_init_idx", none) for sample in range(3)]
    ego, exo, label = training_tokens
    rows = torch.from_numpy(np.stack(initial))
    return SelectiveClBatch(ego, exo, label, torch.from_numpy(text), rows), figures


@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize(
    ("indexing", "file"),
    [("released", "selectivecl_train.npz"), ("paper", "selectivecl_train_intended.npz")],
)
def test_paper_training_step_is_the_released_one(indexing, file, epoch, training_tokens):
    batch, figures = released_step(file, epoch, training_tokens)
    network = SelectiveCl(replace(SelectiveClConfig.paper(), exo_indexing=indexing)).train()
    network.load_state_dict(seeded_head())
    check_evidence(network, batch, epoch, figures)
    network.load_state_dict(seeded_head())
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimiser = torch.optim.SGD(
        network.parameter_groups(1e-3), momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    terms = network.loss(batch, epoch)
    for name, value in terms.items():
        released = figures["total" if name == "total" else f"loss_{name}"]
        assert value.item() == pytest.approx(float(released), rel=1e-5), name
    terms["total"].backward()
    state = network.state_dict()
    for key in [key for key in figures if key.startswith("bn_after/")]:
        released = torch.from_numpy(figures[key])
        torch.testing.assert_close(state[key.removeprefix("bn_after/")], released)
    gradients = {name: p.grad.norm().item() for name, p in network.named_parameters()}
    optimiser.step()
    steps = {n: (p.detach() - before[n]).norm().item() for n, p in network.named_parameters()}
    for kind, ours, tolerance in (("gradnorm/", gradients, 5e-4), ("stepnorm/", steps, 1e-3)):
        compared = [key for key in figures if key.startswith(kind)]
        assert len(compared) == 8
        for key in compared:
            norm = ours[key.removeprefix(kind)]
            assert norm == pytest.approx(float(figures[key]), rel=tolerance), key


def check_evidence(network, batch, epoch, figures):
    """Affinities, decisions and parts of the step, before its losses."""
    with torch.no_grad():
        ego, exo = network.see_ego(batch.ego, batch.text), network.see_exo(batch.exo, batch.text)
        parts = network.find_parts(ego, exo, batch, epoch)
    for ours, name in (
        (ego.affinity, "A_ego"),
        (exo.affinity, "A_exo"),
        (parts.ego, "ego_pos"),
        (parts.exo.flatten(0, 1), "exo_pos"),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(figures[name]), atol=2e-5, rtol=0)
    for ours, name in (
        (network.foreground(ego).flatten(1), "sam_hard"),
        (network.anchors(ego), "anchor_mask"),
        (parts.reliable, "ego_part_idx"),
    ):
        np.testing.assert_array_equal(ours.numpy(), figures[name].astype(bool), err_msg=name)
    np.testing.assert_allclose(parts.overlap.numpy(), figures["pIoU"], atol=1e-6)


# Through the grounder


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
    color = np.ascontiguousarray(seeded_image(1, 320)[:240])
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


@pytest.fixture(scope="module")
def imported(paper_network, golden):
    """What the import of a released checkpoint gives, made of seeded tensors."""
    info = CheckpointInfo(
        method="selectivecl",
        config=asdict(paper_network.config),
        backbone="dino_vits16",
        backbone_sha256="",
        affordances=AFFORDANCES,
        text_encoder="clip_vitb16",
    )
    text = torch.zeros(36, 1024)
    text[golden["labels"], :512] = golden["text_feats"]
    return Checkpoint(info, paper_network.state_dict(), text)


def test_an_imported_checkpoint_grounds_as_the_released_code(imported, golden):
    network = restore_network(imported, "imported checkpoint")
    grounder = Grounder(network, imported, Path("imported"), "cpu")
    heatmaps = grounder.ground_many(seeded_image(0), ["hold", "sit_on"])
    assert [heatmap.affordance for heatmap in heatmaps] == ["hold", "sit_on"]
    np.testing.assert_allclose(heatmaps[0].raw, golden["calib14"][0], atol=2e-5)
    released = golden["heat_calib224_every_8th"][0]
    np.testing.assert_allclose(heatmaps[0].values[::8, ::8], released, atol=1e-4)


def test_losses_need_no_more_than_images_and_labels(imported, training_tokens):
    batch, figures = released_step("selectivecl_train_intended.npz", 0, training_tokens)
    text = imported.text.clone()
    text[batch.label] = batch.text
    given = {name: getattr(batch, name) for name in ("ego", "exo", "label", "initial")}
    terms = training_losses(replace(imported, text=text), given)
    assert terms["total"].item() == pytest.approx(float(figures["total"]), rel=1e-5)


def test_every_name_of_a_released_checkpoint_has_its_place(imported):
    form = find_format("selectivecl")
    places = {form.own_name(name) for name in selectivecl_shapes() if name not in form.unused}
    assert places == set(imported.tensors)
    assert form.unused < set(selectivecl_shapes())
    for official, shape in selectivecl_shapes().items():
        if official not in form.unused:
            assert list(imported.tensors[form.own_name(official)].shape) == shape


def test_the_number_of_classes_is_read_from_the_classifier():
    form = find_format("selectivecl")
    fields = form.config({"aff_classifier.bias": torch.zeros(25)})
    assert SelectiveClConfig(**fields) == replace(SelectiveClConfig.paper(), classes=25)
