"""The rows of a paper's ablation table: how each differs from the full method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affordance_grasp.methods.table import method_module


@dataclass(frozen=True)
class Row:
    """One row: how it differs from the full method.

    ``network``: fields of the method's configuration; ``sampling``: of its samples.
    ``trained_as``: the row whose weights are evaluated with this row's ``network``; None: it is
    trained itself. ``published``: KLD, SIM and NSS on AGD20K Seen, where the paper has this row.
    """

    description: str
    network: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    trained_as: str | None = None
    published: tuple[float, float, float] | None = None


def find_rows(method: str) -> Mapping[str, Row]:
    """The rows of a method's ablation in the order of its paper."""
    rows: Mapping[str, Row] = method_module(method, "ablation").ROWS
    return rows
