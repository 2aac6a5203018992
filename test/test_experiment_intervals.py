"""Intervals against published figures, scipy, and the share of draws that they hold."""

import numpy as np
import pytest
from scipy.stats import binomtest

from affordance_grasp.experiment.intervals import mcnemar, paired, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (39, 40), (190, 200), (7, 7)])
def test_a_share_has_wilsons_interval(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_no_trials_tell_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert paired([], []).p == 1.0


def test_a_paired_difference_is_that_of_a_published_table():
    """Airway hyper-responsiveness before and after transplantation (Bentur et al., 2009)."""
    pairs = [(True, True)] + [(True, False)] + 7 * [(False, True)] + 12 * [(False, False)]
    found = paired(*zip(*pairs, strict=True))
    assert found.difference == pytest.approx(-0.286, abs=5e-4)
    assert (found.low, found.high) == (
        pytest.approx(-0.507, abs=5e-4),
        pytest.approx(-0.026, abs=5e-4),
    )
    assert (found.only_first, found.only_second) == (1, 7)
    assert found.p == pytest.approx(binomtest(1, 8).pvalue)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (0, 6), (11, 2)])
def test_mcnemars_test_is_exact(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)


def test_about_nineteen_of_twenty_intervals_hold_the_true_difference():
    rng, held, true = np.random.default_rng(0), 0, 0.9 - 1.5 * np.log(1.5)
    for _ in range(400):
        hard = rng.random(60)
        found = paired((hard < 0.9).tolist(), (hard * rng.uniform(0.8, 1.2, 60) < 0.6).tolist())
        held += found.low <= true <= found.high
    assert 0.9 < held / 400 <= 1
