import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.evaluation import metrics

GOLDEN = Path(__file__).parent / "golden"
PAIRS = json.loads((GOLDEN / "metrics.json").read_text())["pairs"]
ARRAYS = np.load(GOLDEN / "metrics.npz")


def single(prediction, truth, protocol):
    scores = metrics.score(prediction[None], truth[None], protocol)
    return np.array([scores.kld[0], scores.sim[0], scores.nss[0]])


def expected(entry):
    values = [entry[name] for name in ("kld", "sim", "nss")]
    return np.array([np.nan if value is None else value for value in values])


# The released code sums in float32, so the last digits depend on how numpy orders its sums.
ROUNDING = 1e-12 if np.__version__.startswith("2.4.") else 1e-6


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["name"])
def test_published_evaluation_code_gives_the_same_figures(pair):
    logits, gray = (ARRAYS[f"{kind}_{pair['index']:02d}"] for kind in ("pred", "gt"))
    heat = metrics.predicted_map(logits)
    truth = metrics.ground_truth_map(gray)
    np.testing.assert_allclose(
        single(heat, truth, "reference"), expected(pair["locate"]), rtol=1e-6, atol=ROUNDING
    )
    truth = metrics.ground_truth_map(gray, "plsp")
    probability = softmax(metrics.resize_map(logits).astype(np.float64))
    np.testing.assert_allclose(
        single(probability, truth, "plsp"),
        expected(pair["plsp_softmax_of_pred"]),
        rtol=1e-4,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        single(heat, truth, "plsp"), expected(pair["plsp_on_minmax_heat"]), rtol=1e-4, atol=1e-12
    )


def toy_case():
    prediction = np.arange(16).reshape(4, 4) / 15
    truth = np.zeros((4, 4))
    truth[0, 0] = 0.1
    truth[2:, 2:] = [[0.2, 0.5], [0.7, 1.0]]
    return prediction, truth


def test_toy_case():
    np.testing.assert_allclose(
        single(*toy_case(), "reference"),
        [1.8396433339627318, 0.4133333333332596, 1.0846522890889423],
        rtol=1e-12,
    )
    kld, _, nss = single(*toy_case(), "plsp")
    np.testing.assert_allclose([kld, nss], [1.6554365256583674, 1.0502100630207447], rtol=1e-6)


def test_perfect_prediction_scores_best():
    _, truth = toy_case()
    kld, sim, nss = single(truth, truth, "reference")
    assert kld == pytest.approx(0, abs=1e-9)
    assert sim == pytest.approx(1)
    assert nss > single(*toy_case(), "reference")[2]


@pytest.mark.parametrize("protocol", ["reference", "plsp"])
def test_batch_equals_one_at_a_time(protocol):
    rng = np.random.default_rng(3)
    predictions, truths = rng.random((5, 8, 8)), rng.random((5, 8, 8)) ** 4
    batch = metrics.score(predictions, truths, protocol)
    for i in range(5):
        np.testing.assert_allclose(
            single(predictions[i], truths[i], protocol),
            [batch.kld[i], batch.sim[i], batch.nss[i]],
            rtol=1e-13,
        )


def test_undefined_maps_are_counted_and_left_out_of_the_mean():
    prediction, truth = toy_case()
    scores = metrics.score(
        np.stack([prediction, np.ones((4, 4))]), np.stack([truth, truth]), "reference"
    )
    mean = scores.mean()
    assert (mean["maps"], mean["undefined"]) == (2, 1)
    assert mean["kld"] == pytest.approx(1.8396433339627318)


def test_bad_input_is_refused_in_one_sentence():
    with pytest.raises(UnknownName, match="reference, plsp"):
        metrics.score(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), "mine")
    with pytest.raises(InvalidInput, match="one size"):
        metrics.score(np.zeros((1, 2, 2)), np.zeros((1, 3, 3)), "plsp")
    with pytest.raises(InvalidInput, match="uint8"):
        metrics.ground_truth_map(np.zeros((2, 2)))
