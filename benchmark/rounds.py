"""Variants of the same computation, timed in turns, so that other load slows all of them alike."""

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

import numpy as np
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmark.rates import measure_rates

Outputs = Mapping[str, Tensor]
Progress = Callable[..., Iterable[int]]


@dataclass(frozen=True)
class Variant:
    """One implementation of a case.

    ``run`` does it once. ``inspect``, not timed, gives what must agree with the first variant's,
    to the relative ``tolerance``; None: the difference is reported only.
    """

    run: Callable[[], Outputs]
    tolerance: float | None
    inspect: Callable[[Outputs], Outputs] = dict


@dataclass(frozen=True)
class Case:
    """Named variants, the first of which is the reference.

    ``samples`` and ``images`` in one run.
    """

    name: str
    samples: int
    images: int
    variants: Mapping[str, Variant]


@dataclass(frozen=True)
class Measured:
    """The measurements of one variant.

    ``ms`` median and ``p95_ms`` of its ``runs``; ``ratio`` median over the rounds of its time to
    the first variant's; ``gflop`` counted, 2 for a multiply-add; ``peak_mb`` resident memory of
    the process; ``difference`` of its outputs, relative to the largest of each; ``agrees`` with
    the first.
    """

    name: str
    runs: int
    ms: float
    p95_ms: float
    ratio: float
    gflop: float
    peak_mb: float
    difference: float
    agrees: bool


@dataclass(frozen=True)
class Result:
    """A case, its measured variants, and the machine's ``rates`` during it [GFLOP/s].

    The rates are medians over the rounds; see :data:`rates.PRODUCTS` for their names.
    """

    case: Case
    variants: tuple[Measured, ...]
    rates: Mapping[str, float]

    def bound_ms(self, variant: Measured, rate: str = "torch") -> float:
        """The time of a variant's operations at one of the rates, about a lower bound."""
        return 1000 * variant.gflop / self.rates[rate]

    def per_bound(self, variant: Measured, rate: str = "torch") -> float:
        """Its time over that bound; 0 where no operations were counted."""
        bound_ms = self.bound_ms(variant, rate)
        return variant.ms / bound_ms if bound_ms else 0.0


def measure(
    case: Case, rounds: int, progress: Progress | None = None, seconds: float = inf
) -> Result:
    """Check that the variants agree, then time them in turns.

    No round begins that would end later than ``seconds`` after this; there is one at least.
    """
    begun, names = time.perf_counter(), list(case.variants)
    outputs, gflop = {}, {}
    for name, variant in case.variants.items():
        outputs[name], gflop[name] = counted_run(variant)
    times: dict[str, list[float]] = {name: [] for name in names}
    peaks = dict.fromkeys(names, 0.0)
    rates: list[dict[str, float]] = []
    numbers: Iterable[int] = range(rounds)
    for number in progress(numbers, desc=case.name) if progress else numbers:
        for name in names[number % len(names) :] + names[: number % len(names)]:
            took_s, peak = _timed(case.variants[name].run)
            times[name].append(took_s)
            peaks[name] = max(peaks[name], peak)
        rates.append(measure_rates(case.images))
        round_s = sum(times[name][-1] for name in names)
        if time.perf_counter() - begun + round_s > seconds:
            break
    measured = [
        _summary(case, name, times, outputs, gflop=gflop[name], peak_mb=peaks[name])
        for name in names
    ]
    typical = {name: median(rate[name] for rate in rates) for name in rates[0]}
    return Result(case, tuple(measured), typical)


def largest_difference(found: Outputs, expected: Outputs) -> float:
    """The largest deviation of any output, as a part of that output's largest value."""
    worst = 0.0
    for name, reference in expected.items():
        scale = float(reference.abs().max()) or 1.0
        worst = max(worst, float((found[name].float() - reference).abs().max()) / scale)
    return worst


def reset_peak() -> None:
    """Reset the process' peak of resident memory, where the system can."""
    gc.collect()
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")


def peak_mb() -> float:
    """Peak of resident memory [MB] since :func:`reset_peak`."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1000
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


def counted_run(variant: Variant) -> tuple[Outputs, float]:
    """A variant's outputs to compare, and its operations [GFLOP], 2 for a multiply-add."""
    with FlopCounterMode(display=False) as counter:
        outputs = variant.run()
    outputs = {name: value.detach().clone() for name, value in variant.inspect(outputs).items()}
    return outputs, counter.get_total_flops() / 1e9


def _timed(run: Callable[[], Outputs]) -> tuple[float, float]:
    reset_peak()
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    return seconds, peak_mb()


def _summary(
    case: Case,
    name: str,
    times: Mapping[str, Sequence[float]],
    outputs: Mapping[str, Outputs],
    *,
    gflop: float,
    peak_mb: float,
) -> Measured:
    first = next(iter(case.variants))
    difference = largest_difference(outputs[name], outputs[first])
    tolerance = case.variants[name].tolerance
    return Measured(
        name=name,
        runs=len(times[name]),
        ms=1000 * median(times[name]),
        p95_ms=1000 * float(np.percentile(times[name], 95)),
        ratio=median(
            own / reference for own, reference in zip(times[name], times[first], strict=True)
        ),
        gflop=gflop,
        peak_mb=peak_mb,
        difference=difference,
        agrees=tolerance is None or difference <= tolerance,
    )
