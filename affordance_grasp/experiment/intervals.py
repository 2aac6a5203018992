"""How sure a share of successes is, and a difference between two ways on the same picks.

Intervals are at 95 %: Wilson's (1927) of a share, Newcombe's (Statistics in Medicine 17, 1998,
paired data, square-and-add) of a difference; McNemar's test is the exact one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

Z = 1.959964
"""Of the normal distribution, two-sided 95 %."""


@dataclass(frozen=True)
class PairedDifference:
    """Of the shares of successes of two ways on the same picks, first less second.

    ``only_first``, ``only_second``: picks in which one alone succeeded. ``p``: probability of as
    unequal a split of these where there is no difference.
    """

    pairs: int
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p: float


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Lower and upper bound of the probability of success, 0..1; (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    share, z2 = successes / trials, Z * Z / trials
    middle = share + z2 / 2
    half = Z * sqrt(share * (1 - share) / trials + z2 / (4 * trials))
    low, high = (middle - half) / (1 + z2), (middle + half) / (1 + z2)
    return max(low, 0.0), min(high, 1.0)


def paired(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference:
    """The difference between two ways, whose successes are given pick by pick."""
    both = [a and b for a, b in zip(first, second, strict=True)].count(True)
    n, ones, twos = len(first), sum(first), sum(second)
    only_first, only_second = ones - both, twos - both
    if not n:
        return PairedDifference(0, 0.0, -1.0, 1.0, 0, 0, 1.0)
    p1, p2 = ones / n, twos / n
    (l1, u1), (l2, u2) = wilson(ones, n), wilson(twos, n)
    phi = _correlation(both, only_first, only_second, n - both - only_first - only_second)
    below, above = (p1 - l1, u2 - p2), (u1 - p1, p2 - l2)
    return PairedDifference(
        pairs=n,
        difference=p1 - p2,
        low=max(-1.0, p1 - p2 - _added(*below, phi)),
        high=min(1.0, p1 - p2 + _added(*above, phi)),
        only_first=only_first,
        only_second=only_second,
        p=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided probability of a split of the unequal pairs that is as uneven or more."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def _added(one: float, other: float, phi: float) -> float:
    """Length of the sum of two errors that are correlated by ``phi``."""
    return sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Phi of the fourfold table, with Newcombe's correction for small counts."""
    ones, twos = both + only_first, both + only_second
    others = neither + only_second, neither + only_first
    product = ones * twos * others[0] * others[1]
    if not product:
        return 0.0
    cross = both * neither - only_first * only_second
    half = (both + only_first + only_second + neither) / 2
    corrected = max(cross - half, 0.0) if cross > 0 else cross
    return float(corrected / sqrt(product))
