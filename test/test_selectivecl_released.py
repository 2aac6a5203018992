"""SelectiveCL: figures of the released code, computed with the same seeded weights."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import (
    seeded_clearclip,
    seeded_dino,
    seeded_head,
    seeded_training_batch,
    selectivecl_shapes,
)
from seeded_weights import seeded_image

from affordance_grasp.grounding.comparison import training_losses
from affordance_grasp.grounding.grounder import Grounder
from affordance_grasp.methods.checkpoint import Checkpoint, CheckpointInfo
from affordance_grasp.methods.method import restore_network
from affordance_grasp.methods.released import find_format
from affordance_grasp.methods.selectivecl.affinity import AffinityBackbone
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl
from affordance_grasp.query.vocabulary import AFFORDANCES

GOLDEN = Path(__file__).parent / "golden"


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
        cams = paper_network.encode_ego(tokens, text).cam
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
        heat = paper_network.heatmaps(ours)[:, ::8, ::8]
        torch.testing.assert_close(heat, golden[f"{name}_every_8th"], atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def training_tokens(paper_network):
    images_ego, images_exo, classes = seeded_training_batch()
    with torch.no_grad():
        ego = paper_network.tokens(images_ego)
        exo = paper_network.tokens(images_exo.flatten(0, 1)).unflatten(0, (3, 3))
    return ego, exo, classes


def released_step(file, epoch, training_tokens):
    """The batch and the figures of one released training step."""
    start = f"ep{epoch}_"
    with np.load(GOLDEN / file) as stored:
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
        ego = network.encode_ego(batch.ego, batch.text)
        exo = network.encode_exo(batch.exo, batch.text)
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
