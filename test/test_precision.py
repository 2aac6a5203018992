import numpy as np
import pytest
import torch
from seeded_weights import seeded_image

from affordance_grasp.encoders.device import choose_precision
from affordance_grasp.errors import UnknownName
from affordance_grasp.grounding.grounder import load_grounder


@pytest.mark.parametrize(
    ("capabilities", "device", "chosen"),
    [
        ({"avx512_bf16": True}, "cpu", "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "cpu", "bfloat16"),
        ({"avx2": True, "avx512_bf16": False}, "cpu", "float32"),
        ({"avx512_bf16": True}, "cuda:0", "float32"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_multiplies_it(
    monkeypatch, capabilities, device, chosen
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", device) == chosen


def test_what_is_asked_for_is_taken():
    assert choose_precision("float32", "cpu") == "float32"
    assert choose_precision("bfloat16", "cuda:0") == "bfloat16"
    with pytest.raises(UnknownName, match="unknown precision 'half'; known: float32"):
        choose_precision("half", "cpu")


def test_the_encoder_alone_is_less_exact_and_little(random_checkpoint, monkeypatch):
    color = np.ascontiguousarray(seeded_image(1, 320, 320)[:240])
    exact = load_grounder("plsp", random_checkpoint)
    rounded = load_grounder("plsp", random_checkpoint, precision="bfloat16")
    assert (exact.precision, rounded.precision) == ("float32", "bfloat16")
    kinds = []
    maps = rounded._network.maps
    monkeypatch.setattr(
        rounded._network, "maps", lambda tokens, *rest: kinds.append(tokens) or maps(tokens, *rest)
    )
    a, b = exact.ground(color, "hold"), rounded.ground(color, "hold")
    assert kinds[0].dtype == torch.float32
    assert b.raw.dtype == np.float32
    difference = 0.5 * np.abs(a.raw - b.raw).sum()  # of two maps that sum to 1
    assert 0 < difference < 0.02
