"""The results of an experiment, counted: per object and way, and ways against each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from affordance_grasp.experiment.intervals import paired, wilson
from affordance_grasp.experiment.trials import TrialResult
from affordance_grasp.experiment.ways import WITHOUT_AFFORDANCE

Json = dict[str, Any]
EASY = 0.8
"""Share from which on a search without affordance finds an object's part by itself."""


def summarise(results: Sequence[TrialResult]) -> Json:
    """Counts per way and per object, differences, and every trial, as plain data."""
    ways = list(dict.fromkeys(r.trial.column for r in results))
    objects = list(dict.fromkeys((r.trial.family, r.trial.affordance) for r in results))
    by_object = {
        thing: [r for r in results if (r.trial.family, r.trial.affordance) == thing]
        for thing in objects
    }
    hard = [r for own in by_object.values() if _is_hard(own) for r in own]
    return {
        "ways": _by_way(results, ways),
        "objects": [
            {"family": family, "affordance": affordance, "ways": _by_way(own, ways)}
            for (family, affordance), own in by_object.items()
        ],
        "differences": _differences(results, ways, "all") + _differences(hard, ways, "hard"),
        "trials": [asdict(r) | {"success": r.success} for r in results],
    }


def _by_way(results: Sequence[TrialResult], ways: Sequence[str]) -> dict[str, Json]:
    return {way: _counts([r for r in results if r.trial.column == way]) for way in ways}


def _counts(results: Sequence[TrialResult]) -> Json:
    times = [r.timings_ms["total"] for r in results if r.timings_ms]
    success = sum(r.success for r in results)
    causes = Counter(str(r.cause) for r in results if not r.success)
    return {
        "trials": len(results),
        "lifted": sum(r.lifted for r in results),
        "aimed_right": sum(r.aimed_right for r in results),
        "success": success,
        "interval": [round(bound, 4) for bound in wilson(success, len(results))],
        "causes": dict(causes.most_common()),
        "turned_deg_p95": _percentile([r.turned_deg for r in results if r.lifted], 95),
        "plan_ms_median": _percentile(times, 50),
        "plan_ms_p95": _percentile(times, 95),
    }


def _percentile(values: Sequence[float], share: float) -> float:
    return round(float(np.percentile(values, share)), 1) if values else 0.0


def _is_hard(results: Sequence[TrialResult]) -> bool:
    """Whether the search without affordance was tried on an object and seldom finds its part."""
    bare = [r.success for r in results if r.trial.column == WITHOUT_AFFORDANCE]
    return bool(bare) and sum(bare) < EASY * len(bare)


def _differences(results: Sequence[TrialResult], ways: Sequence[str], over: str) -> list[Json]:
    """Every way less that without affordance."""
    succeeded = {(r.trial.column, r.trial.scene): r.success for r in results}
    bare = {s: success for (way, s), success in succeeded.items() if way == WITHOUT_AFFORDANCE}
    compared = []
    for way in ways:
        scenes = [scene for scene in bare if (way, scene) in succeeded]
        if scenes and way != WITHOUT_AFFORDANCE:
            found = paired([succeeded[way, s] for s in scenes], [bare[s] for s in scenes])
            compared.append({"way": way, "over": over, **asdict(found)})
    return compared
