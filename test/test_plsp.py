"""PLSP: known answers of the losses, and the figures of the released network."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_weights import seeded_array, seeded_feature, seeded_image
from tiny_encoders import TINY_NETWORK

from affordance_grasp.encoders.backbones import SPECS, Backbone, Clip
from affordance_grasp.encoders.weights import load_strictly
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.training.optimizers import AdamW
from affordance_grasp.methods.plsp.config import PlspBatch, PlspConfig
from affordance_grasp.methods.plsp.fuser import sin_cos_table
from affordance_grasp.methods.plsp.network import Plsp
from affordance_grasp.methods.released import find_format

GOLDEN = Path(__file__).parent / "golden"
TINY = PlspConfig(**TINY_NETWORK, text_dim=24, drop_path=0.0)


class MeanColors(Backbone):
    """A backbone whose tokens are the mean colours of the patches, repeated over the channels."""

    def __init__(self, name="dinov2_vits14", image_side=224):
        super().__init__(SPECS[name], image_side, sha256="")
        self.gain = torch.nn.Parameter(torch.ones(()))

    def tokens(self, images):
        patches = torch.nn.functional.avg_pool2d(images, self.spec.patch).flatten(2)
        repeated = patches.repeat(1, self.spec.dim // 3, 1).transpose(1, 2) * self.gain
        return torch.cat([repeated.mean(dim=1, keepdim=True), repeated], dim=1)


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def make_batch(size=3, images=False):
    target = torch.rand(size, 224, 224)
    shape = (size, 3, 224, 224) if images else (size, 257, 384)
    return PlspBatch(
        ego=torch.randn(shape),
        exo=torch.randn(shape),
        target=target / target.sum(dim=(1, 2), keepdim=True),
        object_patches=(torch.rand(size, 256) > 0.5).float(),
        text=unit(size, 24),
        noun=unit(size, 24),
        part=unit(size, 24),
        label=torch.arange(size),
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Plsp(TINY).eval()


def test_shapes_and_probability(network):
    output = network.forward_tokens(torch.randn(2, 257, 384), unit(2, 24))
    assert output.logits.shape == (2, 64, 64)
    assert output.affordance.shape == (2, 32)
    assert output.noun.shape == output.part.shape == (2, 24)
    probability = network.probability(output.logits)
    assert probability.shape == (2, 224, 224)
    torch.testing.assert_close(probability.sum(dim=(1, 2)), torch.ones(2))


def test_nearest_interpolation_repeats_the_logits():
    network = Plsp(replace(TINY, interpolation="nearest")).eval()
    logits = torch.randn(1, 56, 56)
    repeated = logits.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    expected = repeated.flatten(1).softmax(dim=1).view(1, 224, 224)
    torch.testing.assert_close(network.probability(logits), expected)
    with pytest.raises(InvalidInput, match="interpolation is 'cubic'; it must be one of"):
        replace(TINY, interpolation="cubic")


def test_several_queries_at_once_are_the_queries_one_by_one(network):
    tokens, text = torch.randn(1, 257, 384), unit(3, 24)
    together = network.maps(tokens, text, torch.arange(3))
    alone = torch.cat([network.maps(tokens, row[None], torch.zeros(1)) for row in text])
    torch.testing.assert_close(together, alone)


def test_images_and_their_tokens_give_the_same_losses():
    torch.manual_seed(0)
    network = Plsp(TINY, MeanColors()).eval()
    batch = make_batch(images=True)
    tokens = replace(
        batch, ego=network.backbone.tokens(batch.ego), exo=network.backbone.tokens(batch.exo)
    )
    from_images, from_tokens = network.loss(batch, 0), network.loss(tokens, 3)
    assert from_images.keys() == from_tokens.keys()
    for name, value in from_images.items():
        torch.testing.assert_close(value, from_tokens[name])


def test_total_is_the_weighted_sum(network):
    terms = network.loss(make_batch(), 0)
    expected = (
        terms["kl"]
        + 10 * terms["align"]
        + 10 * terms["exo_cls"]
        + terms["noun"]
        + 0.1 * terms["part"]
    )
    torch.testing.assert_close(terms["total"], expected)


def test_divergence_from_the_own_prediction_is_zero_and_from_one_pixel_its_surprise(network):
    batch = make_batch()
    predicted = network.probability(network(batch.ego, batch.text).logits).detach()
    same = network.loss(replace(batch, target=predicted), 0)["kl"]
    assert abs(same.item()) < 1e-6
    pixel = torch.zeros_like(predicted)
    pixel[:, 100, 50] = 1
    surprise = network.loss(replace(batch, target=pixel), 0)["kl"]
    torch.testing.assert_close(surprise, -predicted[:, 100, 50].log().mean())


def test_alignment_and_classification_see_only_the_object(network):
    batch = make_batch()
    elsewhere = batch.exo.clone()
    elsewhere[:, 1:][batch.object_patches == 0] = 99.0
    terms, changed = network.loss(batch, 0), network.loss(replace(batch, exo=elsewhere), 0)
    for name in ("align", "exo_cls"):
        torch.testing.assert_close(terms[name], changed[name])


def test_alignment_has_a_margin_and_does_not_move_the_exo_side(network):
    batch = make_batch()
    exo = network._object_feature(batch.exo, batch.object_patches)
    affordance = network(batch.ego, batch.text).affordance
    cosine = torch.nn.functional.cosine_similarity(affordance, exo)
    expected = torch.clamp(1 - cosine - 0.1, min=0).mean()
    exo_input = batch.exo.requires_grad_()
    align = network.loss(replace(batch, exo=exo_input), 0)["align"]
    torch.testing.assert_close(align, expected)
    assert not torch.autograd.grad(align, exo_input)[0].any()


def test_reasoning_about_the_noun_does_not_move_the_visual_tokens(network):
    network.loss(make_batch(), 0)["noun"].backward()
    assert network.token_projection.weight.grad is None
    assert network.noun_transform[0].weight.grad.abs().sum() > 0


def test_all_pairs_reasoning_is_per_sample_only_where_the_texts_agree(network):
    pairs = Plsp(replace(TINY, reasoning="all_pairs")).eval()
    pairs.load_state_dict(network.state_dict())
    batch = make_batch()
    one_text = replace(batch, noun=batch.noun[:1].expand(3, -1))
    torch.testing.assert_close(pairs.loss(one_text, 0)["noun"], network.loss(one_text, 0)["noun"])
    assert pairs.loss(batch, 0)["noun"] != network.loss(batch, 0)["noun"]


NO_ALIGNMENT = {"align_weight": 0.0, "exo_weight": 0.0}


@pytest.mark.parametrize(
    ("change", "absent", "parts"),
    [
        ({"reasoning": "none"}, {"noun", "part"}, ("noun_transform.", "reason.")),
        (NO_ALIGNMENT, {"align", "exo_cls"}, ("exo_cls.",)),
        (
            {**NO_ALIGNMENT, "reasoning": "none"},
            {"align", "exo_cls", "noun", "part"},
            ("noun_transform.", "reason.", "exo_cls."),
        ),
    ],
)
def test_a_module_that_is_off_has_no_weights_and_no_terms(network, change, absent, parts):
    fewer = Plsp(replace(TINY, **change)).eval()
    kept = {n: t for n, t in network.state_dict().items() if not n.startswith(parts)}
    fewer.load_state_dict(kept)
    batch = make_batch()
    full, terms = network.loss(batch, 0), fewer.loss(batch, 0)
    assert set(full) - set(terms) == absent
    if "noun" in terms:  # alignment has no part in the prediction
        torch.testing.assert_close(terms["kl"], full["kl"])
    terms["total"].backward()
    assert all(p.grad is not None for p in fewer.parameters())


def test_without_reasoning_the_verb_alone_is_the_query(network):
    plain = Plsp(replace(TINY, reasoning="none")).eval()
    state = network.state_dict()
    plain.load_state_dict({n: t for n, t in state.items() if n in plain.state_dict()})
    tokens, text = torch.randn(2, 257, 384), unit(2, 24)
    found = plain.forward_tokens(tokens, text)
    assert found.noun is None
    assert found.part is None
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(network.reason[2], name).zero_()
    torch.testing.assert_close(found.logits, network.forward_tokens(tokens, text).logits)


def test_without_alignment_no_exocentric_image_is_looked_at():
    network = Plsp(replace(TINY, **NO_ALIGNMENT)).eval()
    batch = make_batch()
    blind = replace(batch, exo=torch.full_like(batch.exo, torch.nan))
    torch.testing.assert_close(network.loss(blind, 0), network.loss(batch, 0))


def test_learns_where_each_verb_belongs_on_one_image():
    torch.manual_seed(0)
    network = Plsp(replace(TINY, image_side=112, align_weight=0.0, exo_weight=0.0))
    tokens, text = torch.randn(1, 65, 384).expand(2, -1, -1), unit(2, 24)
    target = torch.zeros(2, 112, 112)
    target[0, 10:30, 10:30] = target[1, 75:100, 60:90] = 1
    target /= target.sum(dim=(1, 2), keepdim=True)
    patches = torch.ones(2, 64)
    batch = PlspBatch(tokens, tokens, target, patches, text, text, text, torch.arange(2))
    optimiser = torch.optim.AdamW(network.parameter_groups(3e-3))
    for _ in range(50):
        optimiser.zero_grad()
        network.loss(batch, 0)["total"].backward()
        optimiser.step()
    with torch.inference_mode():
        maps = network.eval().maps(tokens[:1], text, batch.label)
    assert maps[0, 10:30, 10:30].sum() > 0.5
    assert maps[1, 75:100, 60:90].sum() > 0.5


def test_a_frozen_backbone_is_not_trained_and_a_trained_one_learns_slowly():
    frozen = Plsp(TINY, MeanColors())
    assert [group["lr"] for group in frozen.parameter_groups(1e-4)] == [1e-4]
    trained = Plsp(replace(TINY, train_backbone=True), MeanColors())
    rates = {len(group["params"]): group["lr"] for group in trained.parameter_groups(1e-4)}
    assert rates[1] == pytest.approx(1e-5)
    assert 1e-4 in rates.values()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dim": 40}, "multiple of 16"),
        ({"image_side": 225}, "multiple of the patch size 14"),
        ({"backbone": "resnet"}, "unknown backbone 'resnet'"),
        ({"reasoning": "some"}, "one of all_pairs, none, per_sample"),
    ],
)
def test_refuses_sizes_that_do_not_fit(change, words):
    with pytest.raises(Exception, match=words):
        replace(TINY, **change)


def test_refuses_images_without_a_backbone_and_another_backbone(network):
    with pytest.raises(InvalidInput, match="plsp network has no backbone"):
        network(torch.zeros(1, 3, 224, 224), unit(1, 24))
    with pytest.raises(InvalidInput, match="configured for dinov2_vits14"):
        Plsp(TINY, MeanColors("clip_vitb16"))


def test_position_table_has_zeros_for_query_and_cls_and_the_row_first():
    table = sin_cos_table(14, 512)[0]
    assert table[:2].abs().max() == 0
    row_3_column_5 = table[2 + 3 * 14 + 5]
    assert row_3_column_5[0].item() == pytest.approx(np.sin(3))
    assert row_3_column_5[256].item() == pytest.approx(np.sin(5))


# The paper's configuration against figures of the released code with the same seeded weights.


@pytest.fixture(scope="module")
def paper_network():
    shapes = json.loads((GOLDEN / "plsp_keys.json").read_text())
    official = {
        name: torch.from_numpy(seeded_array(name.replace("encoder.", "visual."), shape))
        for name, shape in shapes.items()
    }
    network = Plsp(replace(PlspConfig.paper(), drop_path=0.0), Clip(None, 224))
    load_strictly(network, find_format("plsp").own_tensors(official), "seeded checkpoint")
    return network.eval()


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "plsp_infer.npz") as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files if name != "verbs"}


@pytest.fixture(scope="module")
def inference(paper_network):
    images = torch.cat([paper_network.backbone.prepare(seeded_image(k)) for k in range(4)])
    verbs = ("hold", "cut_with", "sit_on", "write")
    text = torch.from_numpy(np.stack([seeded_feature(f"verb:{verb}") for verb in verbs]))
    with torch.inference_mode():
        tokens = paper_network.tokens(images)
        return tokens, paper_network.forward_tokens(tokens, text)


def test_paper_encoder_gives_the_released_tokens(inference, golden):
    tokens = inference[0][0, golden["tokens_rows"]]
    torch.testing.assert_close(tokens, golden["tokens"], atol=2e-5, rtol=0)


def test_paper_network_gives_the_released_maps(paper_network, inference, golden):
    output = inference[1]
    for name, ours in (("noun", output.noun), ("part", output.part)):
        torch.testing.assert_close(ours, golden[name], atol=2e-5, rtol=0)
    torch.testing.assert_close(output.affordance, golden["affordance"], atol=2e-5, rtol=0)
    torch.testing.assert_close(output.logits, golden["logits56"], atol=1e-5, rtol=0)
    means = paper_network.probability(output.logits).unflatten(2, (14, 16)).unflatten(1, (14, 16))
    coarse = means.mean(dim=(2, 4))
    torch.testing.assert_close(coarse, golden["prob_mean_16"], atol=1e-9, rtol=1e-5)


def test_position_table_is_the_released_one(paper_network, golden):
    table = paper_network.verb_fuser.rd_pos_embed[0, golden["positions_rows"]]
    torch.testing.assert_close(table, golden["positions"], atol=1e-6, rtol=0)


def features(keys):
    return np.stack([seeded_feature(key) for key in keys])


@pytest.mark.parametrize(
    ("reasoning", "prefix"), [("per_sample", "as1x512"), ("all_pairs", "as512")]
)
def test_paper_losses_are_the_released_ones(paper_network, reasoning, prefix):
    with np.load(GOLDEN / "plsp_train.npz") as stored:
        names = ("ego", "label", "object_patches", "classes")
        ego, target, patches, classes = (torch.from_numpy(stored[name]) for name in names)
        expected = {k: float(stored[k]) for k in stored.files if k.startswith(f"{prefix}/")}
    exo = [seeded_image(number, 160, 200) for number in (600, 632)]
    words = {"text": ("verb:hold", "verb:ride"), "noun": ("noun:cup", "noun:bicycle")}
    words["part"] = ("part:hold cup", "part:ride bicycle")
    batch = PlspBatch(
        ego=ego,
        exo=torch.cat([paper_network.prepare(image) for image in exo]),
        target=target,
        object_patches=patches.float(),
        label=classes,
        **{
            k: torch.from_numpy(np.stack([seeded_feature(w) for w in v])) for k, v in words.items()
        },
    )
    network = Plsp(
        replace(paper_network.config, reasoning=reasoning), paper_network.backbone
    ).train()
    network.load_state_dict(paper_network.state_dict())
    terms = network.loss(batch, 0)
    for name, value in terms.items():
        key = f"{prefix}/total" if name == "total" else f"{prefix}/loss_{name}"
        assert value.item() == pytest.approx(expected[key], rel=1e-5), name
    network.requires_grad_(True).zero_grad()
    terms["total"].backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    start = f"{prefix}/gradnorm_of_total/"
    compared = {k.removeprefix(start): v for k, v in expected.items() if k.startswith(start)}
    assert len(compared) == 11
    for official, norm in compared.items():
        name = official.replace("encoder.", "backbone.visual.")
        assert gradients[name].norm().item() == pytest.approx(norm, rel=5e-4), official
    check_step(network, expected, f"{prefix}/stepnorm/")


def check_step(network, expected, start):
    """The change by one optimiser's step after half the gradient, as two batches make one.

    The backbone belongs to other tests too, so that the step is taken back.
    """
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for parameter in network.parameters():
        if parameter.grad is not None:
            parameter.grad /= 2
    AdamW().build(network.parameter_groups(AdamW().learning_rate)).step()
    after = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(before)
    compared = {k.removeprefix(start): v for k, v in expected.items() if k.startswith(start)}
    assert len(compared) == 11
    for official, norm in compared.items():
        name = official.replace("encoder.", "backbone.visual.")
        moved = (after[name] - before[name]).norm().item()
        assert moved == pytest.approx(norm, rel=1e-3), official


def test_a_foreign_checkpoint_is_refused_with_names_of_every_kind(paper_network):
    tensors = find_format("plsp").own_tensors(
        {"encoder.proj": torch.zeros(2, 2), "surplus": torch.zeros(1)}
    )
    with pytest.raises(CheckpointError) as refused:
        load_strictly(paper_network, tensors, "checkpoint X")
    sentence = str(refused.value)
    assert "unexpected: surplus" in sentence
    assert "backbone.visual.proj (2, 2) instead of (768, 512)" in sentence
    assert re.search(r"missing: .*, .* and \d{3} more;", sentence)


def test_config_survives_json():
    assert PlspConfig(**json.loads(json.dumps(asdict(PlspConfig.paper())))) == PlspConfig.paper()


@pytest.fixture
def logistic():
    torch.manual_seed(0)
    return Plsp(replace(TINY, map_loss="logistic")).eval()


def test_logistic_maps_are_sigmoids_that_sum_to_one(logistic):
    logits = 8 * torch.randn(2, 64, 64)
    upscaled = torch.nn.functional.interpolate(logits[:, None], (224, 224), mode="bilinear")[:, 0]
    shares = (upscaled - 6).sigmoid()
    expected = shares / shares.sum(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(logistic.probability(logits), expected)
    nothing = logistic.probability(torch.full((1, 64, 64), -200.0))
    torch.testing.assert_close(nothing, torch.full((1, 224, 224), 1 / 224**2))


def test_the_logistic_loss_asks_every_pixel_for_itself(logistic):
    batch = make_batch()
    half = torch.zeros(3, 224, 224)
    half[:, :112] = 1
    terms = logistic.loss(replace(batch, target=half), 0)
    logits = logistic(batch.ego, batch.text).logits.double() - 6
    share = torch.zeros(64, 64).double()
    share[:32] = 1
    surprise = torch.where(share > 0, -logits.sigmoid().log(), -(-logits).sigmoid().log())
    torch.testing.assert_close(terms["logistic"].double(), surprise.mean())
    assert "kl" not in terms
    others = 10 * (terms["align"] + terms["exo_cls"]) + terms["noun"] + 0.1 * terms["part"]
    torch.testing.assert_close(terms["total"], 100 * terms["logistic"] + others)


@pytest.fixture
def with_readout():
    torch.manual_seed(0)
    network = Plsp(replace(TINY, map_loss="logistic", readout=True)).eval()
    torch.nn.init.normal_(network.readout.direction.weight, std=0.03)
    return network


def test_a_readout_weighs_a_map_by_what_all_verbs_claim(with_readout):
    tokens, text = torch.randn(1, 257, 384), unit(3, 24)
    with_readout.compare_with(text)
    maps = with_readout.maps(tokens, text, torch.arange(3)).double()
    logits = with_readout.forward_tokens(tokens.expand(3, -1, -1), text).logits.double() - 6
    table = 4 * with_readout.readout.direction(text).double()
    claimed = torch.einsum("nc,qc->qn", tokens[0, 1:].double(), table[:, :-1]) + table[:, -1:] - 2

    def shares(values, grid):
        values = values.reshape(1, 3, grid, grid)
        return torch.nn.functional.interpolate(values, (224, 224), mode="bilinear")[0].sigmoid()

    claims, decoded = shares(claimed, 16), shares(logits, 64)
    expected = decoded * claims.sqrt() * claims / (claims + claims.sum(dim=0))
    torch.testing.assert_close(
        maps, expected / expected.sum(dim=(1, 2), keepdim=True), rtol=1e-3, atol=1e-9
    )


def test_what_another_verb_claims_counts_less(with_readout):
    tokens, text = torch.randn(1, 257, 384), unit(2, 24)
    alone = with_readout.maps(tokens, text[:1], torch.zeros(1))
    with_readout.compare_with(text[1:])
    beside = with_readout.maps(tokens, text[:1], torch.zeros(1))
    rival = with_readout.readout(tokens, text[1:])
    claimed = torch.nn.functional.interpolate(rival[None], (224, 224), mode="bilinear")[0]
    ratio = (beside / alone).log().flatten()
    correlation = torch.corrcoef(torch.stack([claimed.flatten(), ratio]))[0, 1]
    assert correlation < -0.5


def test_a_readout_learns_from_the_labels_beside_the_decoder(with_readout):
    terms = with_readout.loss(make_batch(), 0)
    assert terms["readout"] > 0
    terms["readout"].backward()
    trained = {
        n.partition(".")[0] for n, p in with_readout.named_parameters() if p.grad is not None
    }
    assert trained == {"readout"}
    with pytest.raises(InvalidInput, match="set map_loss: logistic and train_backbone: false"):
        replace(TINY, readout=True)
