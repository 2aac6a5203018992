"""``python -m campaign.hostile --seeds 0:1000``: hostile files and words against the commands.

Each seed changes one or two valid files, or the words of a command, and runs the command line's
own entry in a process of its own, forked from one that has imported everything, with limits on
memory and time. Judged from outside: the exit code is a documented one, an error is one printable
sentence, no traceback, no warning; nothing is written outside the case's folder, no program is
started, less than 2 GB and 10 s are used.
"""

import argparse
import json
import os
import re
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from campaign.journal import Journal, Verdict, commit, findings, table
from campaign.mutations import WORDS, Rng, changed, replaced
from campaign.specimens import SPECIMENS, Specimen, write_all

CODES = (0, 1, 2, 3)
MOST_S, HANGS_S, MOST_BYTES = 10.0, 900.0, 2 * 10**9
MOST_LONG_S, CUT_S = 60.0, 120
"""Of processor time, as is ``MOST_S``: other processes do not make a command slow."""
LONGEST = 1400
LARGEST_CHANGED = 10**8
REPLACED = 0.12
"""Share of the cases in which something else stands in a file's place."""
OPENED_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
CHANGES_FILES = {"os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2}
BAR = re.compile(r"\d+%\|.*\[")
QUERIES = (
    *(
        "",
        " ",
        "hold\0",
        "\x1b[2Jhold",
        "hold " * 20_000,
        "don't " * 5000 + "cut",
        "ho" + "l" * 10**6,
    ),
    *("\u202edloh", "持つ", "🔪", "hold; rm -rf /", "../../etc/passwd", "%s%n", "{0.__class__}"),
    *("-1", "--query", "nan", "h\u0301old", "HOLD", "hold\n\nTraceback (most recent call last):"),
    *("not " * 400 + "hold", "the " * 3000 + "blade", "hold-" * 3000, "'\"`$(touch ran_code)"),
    *("\udcff\udcfe", "cut with a " + "very " * 3000 + "sharp knife", "a" * 10**5, "hold " * 20),
)


@dataclass(frozen=True)
class Run:
    """How one run of a command ended."""

    code: int
    error: str
    cpu_s: float
    rss: int
    events: tuple[str, ...]
    hung: bool


def case_of(
    seed: int, base: Path, folder: Path, unchanged: bool
) -> tuple[Specimen, list[str], list[str]]:
    """Draw a case and make its files; its specimen, its command's words, what was changed."""
    rng = np.random.default_rng(seed)
    specimen = SPECIMENS[seed % len(SPECIMENS)]
    for name in specimen.folders:
        source, target = base / name, folder / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, target)
    if (journal := folder / "replayed/run.json").exists():
        journal.write_text(journal.read_text().replace(str(base), str(folder)))
    words = [word.format(f=folder) for word in shlex.split(specimen.command)]
    if unchanged:
        return specimen, words, []
    if specimen.kind == "query":
        place = words.index("--query") + 1
        words[place] = QUERIES[int(rng.integers(len(QUERIES)))]
        return specimen, words, [f"query {words[place]!r:.60}"]
    if specimen.kind == "numbers":
        return specimen, *_with_hostile_word(words, rng)
    changes: list[str] = []
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        path = folder / specimen.files[int(rng.integers(len(specimen.files)))]
        if not path.is_file() or path.is_symlink() or path.stat().st_size > LARGEST_CHANGED:
            continue  # something else stands in its place already
        if rng.random() < REPLACED:
            changes.append(f"{path.name}: {replaced(path, rng)}")
            continue
        name, content = changed(path.read_bytes(), path.suffix, rng)
        path.write_bytes(content)
        changes.append(f"{path.name}: {name}")
    return specimen, words, changes


def _with_hostile_word(words: list[str], rng: Rng) -> tuple[list[str], list[str]]:
    place = int(rng.integers(1, len(words)))
    word = WORDS[int(rng.integers(len(WORDS)))].replace(b"\0", b"").decode(errors="replace")
    return [*words[:place], word, *words[place + 1 :]], [f"word {place}: {word!r:.60}"]


def run(words: Sequence[str], folder: Path) -> Run:
    """Run a command in a forked process, and see what it does."""
    report, told = folder / "report.json", folder / "stderr"
    (folder / "tmp").mkdir()
    child = os.fork()
    if child == 0:
        _in_child(list(words), folder, report, told)
    code, hung = _waited(child)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    found: dict[str, Any] = {"code": code, "cpu_s": 0.0, "rss": 0, "events": []}
    with suppress(OSError, ValueError):
        found = json.loads(report.read_text())
    error = told.read_text(errors="replace")
    return Run(found["code"], error, found["cpu_s"], found["rss"], tuple(found["events"]), hung)


def _waited(child: int) -> tuple[int, bool]:
    end = monotonic() + HANGS_S
    while monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), False
        sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), True


def _in_child(words: list[str], folder: Path, report: Path, told: Path) -> None:
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT)
    err = os.open(told, os.O_WRONLY | os.O_CREAT)
    for target, source in enumerate((nothing, out, err)):
        os.dup2(source, target)
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + MOST_BYTES + 10**9
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (CUT_S, CUT_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    events: list[str] = []
    sys.addaudithook(lambda name, given: _note(events, folder, name, given))
    code = _ended(words)
    sys.stdout.flush()
    sys.stderr.flush()
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "code": code,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * 1024,
        "events": events[:20],
    }
    with open(report, "w") as file:
        json.dump(found, file)
    os._exit(0)


def _ended(words: list[str]) -> int:
    from affordance_grasp.cli import main

    try:
        return main(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 99
    except BaseException:
        traceback.print_exc()
        return 99


def _note(events: list[str], folder: Path, name: str, given: tuple[Any, ...]) -> None:
    """Note what a command may not do: start a program, or write outside its folder."""
    if name.startswith(STARTS):
        events.append(f"starts {given[0]!r:.80}")
    elif name == "open" and isinstance(given[0], (str, bytes)):
        if isinstance(given[2], int) and given[2] & OPENED_TO_WRITE:
            _note_path(events, folder, given[0])
    elif name in CHANGES_FILES:
        for path in given[: CHANGES_FILES[name]]:
            _note_path(events, folder, path)


def _note_path(events: list[str], folder: Path, path: Any) -> None:
    place = os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, Path)) else ""
    if place and not place.startswith((str(folder), os.devnull, "/proc/self")):
        events.append(f"writes {place}")


def judged(
    seed: int, specimen: Specimen, words: list[str], changes: list[str], ran: Run
) -> Verdict:
    """The verdict on a run."""
    unsafe = [
        event for event in ran.events if not (specimen.starts and event.startswith("starts"))
    ]
    unexplained = []
    error = "\n".join(_plain_lines(ran.error))
    if ran.code not in CODES and "Traceback" not in ran.error:
        unexplained.append(f"exit code {ran.code}")
    if ran.hung:
        unexplained.append(f"hung for {HANGS_S:g} s")
    most_s = MOST_LONG_S if specimen.long else MOST_S
    if ran.cpu_s > most_s:
        unexplained.append(f"took {ran.cpu_s:.0f} s of processor time")
    if ran.rss > MOST_BYTES:
        unexplained.append(f"took {ran.rss / 1e9:.1f} GB")
    if ran.code in (2, 3) and not _is_a_sentence(error):
        unexplained.append(f"not one sentence: {error!r:.300}")
    if ran.code in (0, 1) and error and not specimen.long:
        unexplained.append(f"printed {error!r:.300}")
    if re.search(r"\b(Error|Exception)\(", error):
        unexplained.append(f"an exception's own words: {error!r:.300}")
    traces = [f"{ran.error.strip()[-400:]}"] if "Traceback" in ran.error else []
    return Verdict(
        seed=seed,
        half="files",
        kind=specimen.kind,
        stage=words[0],
        case={"changes": changes, "code": ran.code, "rss_MB": ran.rss // 10**6},
        unsafe=tuple(unsafe),
        unexplained=tuple(unexplained),
        tracebacks=tuple(traces),
        told=error[-300:],
        seconds=round(ran.cpu_s, 2),
        commit=commit(),
    )


def _plain_lines(text: str) -> list[str]:
    """The lines of standard error without bars of progress."""
    lines = [line.rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line.strip() and not BAR.search(line)]


def _is_a_sentence(error: str) -> bool:
    lines = error.split("\n")
    if lines[0].startswith("usage: "):
        lines = lines[-1:]
    last = lines[-1]
    right = last.startswith("affordance-grasp") and last.isprintable() and len(last) <= LONGEST
    return right and len(lines) == 1


def work(
    seeds: Sequence[int], base: Path, journal: Journal, keep: Path | None, unchanged: bool
) -> None:
    """Run some seeds one after the other."""
    for seed in seeds:
        place = (
            Path(tempfile.mkdtemp(prefix=f"hostile_{seed}_")) if keep is None else keep / str(seed)
        )
        place.mkdir(parents=True, exist_ok=True)
        specimen, words, changes = case_of(seed, base, place, unchanged)
        ran = run(words, place)
        verdict = judged(seed, specimen, words, changes, ran)
        journal.append(verdict)
        if keep is None:
            shutil.rmtree(place, ignore_errors=True)
        else:
            print(shlex.join(words)[:2000], changes, ran.code, ran.error[-3000:], sep="\n")
        if not verdict.clean or (unchanged and ran.code):
            print(*findings([verdict]), changes, sep="\n", flush=True)


def _work_and_leave(
    seeds: Sequence[int], base: Path, journal: Journal, options: argparse.Namespace
) -> None:
    code = 1
    try:
        work(seeds, base, journal, options.keep, options.unchanged)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def prepared() -> None:
    """Import what the commands import, so that no case pays for it."""
    from importlib import import_module

    for name in (
        "grasping.ground",
        "grasping.plan",
        "grasping.generate",
        "grasping.replay",
        "robots.hand_eye",
        "learning.evaluate",
        "learning.train",
        "learning.refine_labels",
    ):
        import_module(f"affordance_grasp.commands.{name}")
    for name in ("pipeline", "replay.run", "candidates.antipodal.generator", "report.plan_report"):
        import_module(f"affordance_grasp.{name}")
    with suppress(ImportError):
        import open3d  # noqa: F401


def main(words: Sequence[str] | None = None) -> int:
    """0 where every seed was clean, 1 where not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:100", help="FIRST:END, or numbers with commas")
    parser.add_argument("--journal", type=Path, default=Path("runs/campaign/files.jsonl"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="also those with a verdict")
    parser.add_argument("--keep", type=Path, help="leave the cases here and print what was told")
    parser.add_argument("--unchanged", action="store_true", help="valid files: all must be taken")
    options = parser.parse_args(words)
    journal, seeds = Journal(options.journal), seeds_of(options.seeds)
    left = seeds if options.again or options.keep else journal.left("files", seeds)
    with tempfile.TemporaryDirectory(prefix="specimens_") as base:
        write_all(Path(base))
        prepared()
        print(f"{len(left)} of {len(seeds)} seeds to run on {commit()}", flush=True)
        workers = []
        for number in range(options.workers):
            if (child := os.fork()) == 0:
                _work_and_leave(left[number :: options.workers], Path(base), journal, options)
            workers.append(child)
        failed = [os.waitpid(worker, 0)[1] for worker in workers]
    wanted = set(seeds)
    ran = [
        verdict
        for verdict in journal.verdicts()
        if verdict.half == "files" and verdict.seed in wanted
    ]
    print(table(ran))
    print(*findings(ran), sep="\n")
    whole = len(ran) == len(wanted) and not any(failed)
    return 0 if whole and all(verdict.clean for verdict in ran) else 1


def seeds_of(text: str) -> list[int]:
    """``0:30`` or ``3,7,9``."""
    if ":" in text:
        first, end = map(int, text.split(":"))
        return list(range(first, end))
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
