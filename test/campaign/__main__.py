"""``python -m campaign``: run seeded faults against the graph, or print what a journal holds."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from campaign.faults import STAGES, drawn
from campaign.journal import Journal, Verdict, commit, findings, table


def main(words: Sequence[str] | None = None) -> int:
    """0 where every seed was clean, 1 where not."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    faults = commands.add_parser("faults", help="inject faults into running graphs")
    faults.add_argument("--seeds", default="0:30", help="FIRST:END, or numbers with commas")
    faults.add_argument("--kinds", default="", help="only faults whose name begins so")
    faults.add_argument("--journal", type=Path, default=Path("runs/campaign/faults.jsonl"))
    faults.add_argument("--logs", type=Path, default=Path("runs/campaign/logs"))
    faults.add_argument("--workers", type=int, default=2)
    faults.add_argument("--calm", type=float, help="wait while the load is higher than this")
    faults.add_argument("--again", action="store_true", help="also those with a verdict")
    show = commands.add_parser("table", help="Markdown of journals")
    show.add_argument("journals", type=Path, nargs="+")
    show.add_argument("--families", action="store_true", help="a row for all kinds of a family")
    options = parser.parse_args(words)
    if options.command == "table":
        found = [v for path in options.journals for v in Journal(path).verdicts()]
        if options.families:
            found = [replace(v, kind=v.kind.split()[0]) for v in found]
        return tell(found)
    return run(options)


def tell(verdicts: Sequence[Verdict]) -> int:
    """Print the table and every finding."""
    print(f"{len(verdicts)} seeds on {', '.join(sorted({v.commit for v in verdicts}))}")
    print(table(verdicts, STAGES))
    for line in findings(verdicts):
        print(line)
    return 0 if all(verdict.clean for verdict in verdicts) else 1


def seeds_of(text: str) -> list[int]:
    """``0:30`` or ``3,7,9``."""
    if ":" in text:
        first, end = map(int, text.split(":"))
        return list(range(first, end))
    return [int(word) for word in text.split(",")]


def run(options: argparse.Namespace) -> int:
    """All seeds that have no verdict yet; those with a finding once more, one at a time."""
    from campaign.controls import blind

    journal = Journal(options.journal)
    seeds = list(drawn(options.kinds, seeds_of(options.seeds)))
    left = seeds if options.again else journal.left("faults", seeds)
    print(f"{len(left)} of {len(seeds)} seeds to run on {commit()}", flush=True)
    if missed := blind(options.logs / "controls"):
        print(f"the judge does not see what is unsafe: {', '.join(missed)}")
        return 1
    work_off(left, options, options.workers)
    ran = {v.seed: v for v in journal.verdicts() if v.half == "faults" and v.seed in left}
    doubtful = [seed for seed, verdict in ran.items() if not verdict.clean]
    print(f"{len(doubtful)} seeds once more, one at a time", flush=True)
    work_off(doubtful, options, 1)
    wanted = set(seeds)
    final = [v for v in journal.verdicts() if v.half == "faults" and v.seed in wanted]
    healed = [seed for seed in doubtful if any(v.seed == seed and v.clean for v in final)]
    code = tell(final)
    print(f"a finding the first time and none alone: {healed or 'no seed'}")
    print(f"median {median([v.seconds for v in final] or [0.0]):.1f} s per seed")
    return code if len(final) == len(seeds) else 1


def work_off(seeds: Sequence[int], options: argparse.Namespace, workers: int) -> None:
    """Deal seeds out to processes."""
    from campaign.worker import work

    context = get_context("spawn")
    tasks = context.Queue()
    for task in (*seeds, *[None] * workers):
        tasks.put(task)
    processes = [
        context.Process(target=work, args=(tasks, options, f"graph{i}"))
        for i in range(min(workers, len(seeds)))
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    sys.exit(main())
