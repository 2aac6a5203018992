"""Runs that are killed go on where they were, and come to the same results."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep
from types import SimpleNamespace

import pytest

from affordance_grasp.batch.journal import Journal, begin_run, check_run, read_journal
from affordance_grasp.cli import main
from affordance_grasp.errors import InvalidInput, StorageFull
from affordance_grasp.simulation.dataset import writer
from affordance_grasp.simulation.dataset.config import DatasetConfig


@dataclass(frozen=True)
class Weight:
    name: str
    grams: tuple[float, ...] = ()


WEIGHTS = [Weight("mug", (0.1, 312.0)), Weight("knife")]


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "weights.jsonl", Weight) as opened:
        assert list(opened.keep(WEIGHTS)) == WEIGHTS
    return tmp_path / "weights.jsonl"


def test_results_are_read_as_they_were_written(journal):
    assert list(read_journal(journal, Weight)) == WEIGHTS
    assert list(read_journal(journal.with_name("none"), Weight)) == []


def test_an_interrupted_line_is_cut_off_and_the_file_goes_on(journal):
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"name":')
    with Journal(journal, Weight) as opened:
        assert opened.count == 2 and opened.last == WEIGHTS[1]
    assert journal.read_bytes() == whole


@pytest.mark.parametrize("line", ["not ours", '{"name": 3}', "[]", '{"grams": []}'])
def test_another_kind_of_file_is_refused(journal, line):
    journal.write_text(f"{line}\n")
    with pytest.raises(InvalidInput, match="is not the results file"):
        Journal(journal, Weight)


def test_a_result_that_finds_no_room_is_told_with_its_file(tmp_path):
    def full(_):
        raise OSError(28, "No space left on device")

    with Journal(tmp_path / "weights.jsonl", Weight) as opened:
        pass
    opened._file = SimpleNamespace(write=full)
    with pytest.raises(StorageFull, match="weights.jsonl cannot be written .No space left"):
        opened.append(WEIGHTS[0])
    assert opened.count == 0


def test_only_the_same_run_goes_on(journal):
    with pytest.raises(InvalidInput, match="holds weights.jsonl without run.json"):
        check_run(journal, {"scale": 1}, "a weighing")
    run = journal.with_name("run.json")
    run.write_text('{"scale": 1}')
    begin_run(journal, {"scale": 1}, "a weighing")
    with pytest.raises(InvalidInput, match="a weighing with scale 1 instead of 2; use .* or not"):
        begin_run(journal, {"scale": 2}, "a weighing", " or not")
    run.write_text("[]")
    with pytest.raises(InvalidInput, match="run.json is not that of a weighing"):
        check_run(journal, {"scale": 1}, "a weighing")
    journal.write_bytes(b"")
    begin_run(journal, {"scale": 2}, "a weighing")  # nothing was done yet
    assert json.loads(run.read_text()) == {"scale": 2}


KILLED_AFTER_THE_SECOND = """
import os, signal, sys
from affordance_grasp.batch.journal import Journal
from affordance_grasp.cli import main
from affordance_grasp.simulation.dataset import writer

append, plan = Journal.append, writer.plan

def append_and_die(self, result):
    append(self, result)
    if self.count == 2:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.append = append_and_die
writer.plan = lambda config: plan(config)[::20]
main(sys.argv[1:])
"""


def killed(words):
    """Run a command, end it by force, and wait until its processes are gone too."""
    command = [sys.executable, "-c", KILLED_AFTER_THE_SECOND, *map(str, words)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        assert process.wait() == -signal.SIGKILL
    deadline = monotonic() + 60
    with suppress(ProcessLookupError):
        while monotonic() < deadline:
            os.killpg(process.pid, 0)
            sleep(0.05)
        pytest.fail("processes outlive the one that started them by a minute")


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.processes
def test_a_killed_data_set_goes_on_to_the_same_files(tmp_path, capsys, monkeypatch):
    words = ["--ego-per-object", "4", "--exo-per-pair", "1", "--test-per-object", "1"]
    words += ["--size", "64", "--splits", "Unseen", "--workers"]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    killed(["dataset", "simulate", cut, *words, "2"])
    assert len((cut / "jobs.jsonl").read_text().splitlines()) == 2
    (cut / "mug.jpg.123.partial").write_text("half a file")
    few = writer.plan(DatasetConfig(0, 4, 1, 1, 64, ("Unseen",)))[::20]
    monkeypatch.setattr(writer, "plan", lambda _: few)
    assert main(["dataset", "simulate", str(cut), "--size", "65"]) == 2
    assert "holds a data set with config" in capsys.readouterr().err
    for folder in (cut, whole):
        assert main(["dataset", "simulate", str(folder), *words, "1"]) == 0
    images = sum(job.count for job in few)
    assert f"{images}/{images} [" in capsys.readouterr().err
    assert content(cut) == content(whole)


@pytest.mark.processes
def test_a_killed_experiment_goes_on_to_the_same_picks(tmp_path, capsys):
    words = ["--objects", "screwdriver", "--poses", "3", "--rules", "quality", "--workers"]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    killed(["experiment", *words, "2", "--out", cut])
    assert len((cut / "picks.jsonl").read_text().splitlines()) == 2
    assert main(["experiment", *words, "1", "--seed", "1", "--out", str(cut)]) == 2
    assert "holds an experiment with seed 0 instead of 1" in capsys.readouterr().err
    for folder in (cut, whole):
        assert main(["experiment", *words, "1", "--out", str(folder), "--json"]) == 0
    assert comparable(cut) == comparable(whole)
    assert {path.name for path in cut.iterdir()} == {path.name for path in whole.iterdir()}


def comparable(folder):
    trials = json.loads((folder / "results.json").read_text())["trials"]
    return [{**trial, "timings_ms": {}} for trial in trials]


def test_a_line_without_end_and_a_pipe_are_refused(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(InvalidInput, match="a line of more than 16 MiB"):
        list(read_journal(tmp_path / "sparse", Weight))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="device or pipe"):
        Journal(tmp_path / "pipe", Weight)
