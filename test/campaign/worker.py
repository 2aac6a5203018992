"""A process that runs seed after seed, each on the graph of the one before where that is whole."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from affordance_grasp.errors import AffordanceGraspError
from campaign.bench import Bench
from campaign.faults import draw
from campaign.journal import Journal, Verdict, commit
from campaign.trial import FORGOTTEN_S, NotReached, run_trial

ATTEMPTS = 4
GRAPHS = 3


def work(tasks: Any, options: Any, name: str) -> None:
    """Take seeds from a queue until it gives None; logs of what was not clean are kept.

    ``options``: those of the command line, of which ``journal``, ``logs`` and ``calm`` count.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # workers have a core each
    journal, number, broken = Journal(options.journal), 0, 0
    logs: Path = options.logs
    seed = tasks.get()
    while seed is not None:
        number += 1
        _await_calm(options.calm)
        home = logs / f"{name}.{number}"
        verdict, following = _on_one_graph(home, seed, tasks, journal)
        if verdict is None:
            broken += 1
            shutil.rmtree(logs / f"broken{seed}", ignore_errors=True)
            shutil.move(home, logs / f"broken{seed}")
            if broken < GRAPHS:
                continue
            home.mkdir()
            verdict = _unfinished(seed, f"no graph served it in {GRAPHS} tries")
            following = tasks.get()
        broken, seed = 0, following
        journal.append(verdict)
        say(verdict)
        kept = logs / f"seed{verdict.seed}"
        shutil.rmtree(kept, ignore_errors=True)
        if verdict.clean:
            shutil.rmtree(home, ignore_errors=True)
        else:
            shutil.move(home, kept)
    os._exit(0)


def _await_calm(most: float | None) -> None:
    """Wait while other work keeps the machine too busy for the time limits that are judged."""
    pause = Event()
    while most is not None and os.getloadavg()[0] > most:
        pause.wait(5.0)


def _on_one_graph(
    home: Path, seed: int, tasks: Any, journal: Journal
) -> tuple[Verdict | None, int | None]:
    """The last verdict, with what the graph left behind, and the seed after it.

    No verdict where the graph did not serve the very seed that it got.
    """
    shutil.rmtree(home, ignore_errors=True)
    bench, verdict, whole = Bench(home), None, True
    following: int | None = seed
    try:
        with bench:
            while whole and following is not None:
                if verdict is not None:
                    journal.append(verdict)
                    say(verdict)
                    verdict = None
                verdict, whole = trial(bench, following)
                following = tasks.get()
    except AffordanceGraspError as error:
        print(f"{following:5d} {error}; a new graph", flush=True)
    if verdict is not None and bench.nodes.left:
        verdict = replace(verdict, unexplained=(*verdict.unexplained, *bench.nodes.left))
    return verdict, following


def say(verdict: Verdict) -> None:
    """One line of progress."""
    found = "; ".join((*verdict.unsafe, *verdict.unexplained, *verdict.tracebacks)) or "clean"
    kind = f"{verdict.kind} at {verdict.stage}"
    print(f"{verdict.seed:5d} {verdict.seconds:5.1f} s {kind:32} {found[:300]}", flush=True)


def trial(bench: Bench, seed: int) -> tuple[Verdict, bool]:
    """A verdict, and whether the graph may be used again."""
    for attempt in range(ATTEMPTS):
        try:
            return run_trial(bench, draw(seed, attempt))
        except NotReached as reason:
            last = reason
            if "two publishers" in str(reason):  # those of the seed before, remembered for seconds
                Event().wait(FORGOTTEN_S)
    return _unfinished(seed, f"the stage was not reached in {ATTEMPTS} grasps: {last}"), True


def _unfinished(seed: int, why: str) -> Verdict:
    case = draw(seed)
    unrun = Verdict(seed, "faults", case.kind, case.stage, case.record(), commit=commit())
    return replace(unrun, unexplained=(why,))
