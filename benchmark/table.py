"""The benchmark's results as a table and as plain values."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmark.rounds import Measured, Result

HEADER = (
    "| case | samples | variant | ms | p95 | samples/s | against the first | times faster | GFLOP "
    "| time / bound | peak MB | difference |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)

BOUND = "bound: the operations at the float32 rate of PyTorch's own linear layer, measured between"


def machine() -> dict[str, Any]:
    """The machine and the versions behind the figures."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def as_values(result: Result) -> dict[str, Any]:
    """A case's result as plain values; milliseconds, GFLOP, GFLOP/s, MB."""
    return {
        "case": result.case.name,
        "samples": result.case.samples,
        "rates": {name: round(rate, 1) for name, rate in result.rates.items()},
        "variants": {variant.name: _values(result, variant) for variant in result.variants},
    }


def as_rows(result: Result) -> str:
    """One row of the table for every variant of a case."""
    return "\n".join(_row(result, variant) for variant in result.variants)


def as_notes(results: Sequence[Result]) -> str:
    """What stands below the table."""
    return "\n".join([BOUND, *map(_note, results)])


def _values(result: Result, variant: Measured) -> dict[str, Any]:
    return {
        "runs": variant.runs,
        "ms": round(variant.ms, 2),
        "p95_ms": round(variant.p95_ms, 2),
        "samples_per_s": float(f"{_throughput(result, variant):.4g}"),
        "ratio": round(variant.ratio, 3),
        "gflop": round(variant.gflop, 3),
        "time_per_bound": round(result.per_bound(variant), 3),
        "time_per_bound_ours": round(result.per_bound(variant, "ours"), 3),
        "peak_mb": round(variant.peak_mb),
        "difference": float(f"{variant.difference:.2g}"),
        "agrees": variant.agrees,
    }


def _row(result: Result, variant: Measured) -> str:
    first = variant is result.variants[0]
    cells = [
        result.case.name if first else "",
        str(result.case.samples) if first else "",
        variant.name,
        f"{variant.ms:.1f}",
        f"{variant.p95_ms:.1f}",
        f"{_throughput(result, variant):.3g}",
        "" if first else f"{variant.ratio:.2f}",
        "" if first else f"{1 / variant.ratio:.1f}",
        f"{variant.gflop:.1f}",
        f"{result.per_bound(variant):.2f}",
        f"{variant.peak_mb:.0f}",
        "" if first else f"{variant.difference:.1e}" + ("" if variant.agrees else " (!)"),
    ]
    return f"| {' | '.join(cells)} |"


def _throughput(result: Result, variant: Measured) -> float:
    """Samples, or queries, per second."""
    return 1000 * result.case.samples / variant.ms


def _note(result: Result) -> str:
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in result.rates.items())
    return f"{result.case.name}: GFLOP/s of matrix products: {rates}"


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()
