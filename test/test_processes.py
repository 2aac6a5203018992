"""Commands side by side: logs, failures, and their end when the runner is told to stop."""

import os
import select
import signal
import subprocess
import sys
import textwrap

import pytest

from affordance_grasp.errors import InvalidInput, WorkerDied
from affordance_grasp.learning.ablations import processes
from affordance_grasp.learning.ablations.processes import Command, run_commands


def test_commands_write_their_logs_and_are_told_when_done(tmp_path):
    commands = [Command(("--help",), tmp_path / f"{i}/log") for i in range(3)]
    done = []
    run_commands(commands, 2, done.append)
    assert sorted(done, key=commands.index) == commands
    for command in commands:
        assert "usage: affordance-grasp" in command.log.read_text()


def test_a_failure_stops_nothing_and_is_told_at_the_end(tmp_path):
    bad = Command(("fly",), tmp_path / "bad")
    good = Command(("--help",), tmp_path / "good")
    done = []
    with pytest.raises(InvalidInput, match="1 of 2 commands failed, first affordance-grasp fly: "):
        run_commands([bad, good], 1, done.append)
    assert done == [good]
    said = [line for line in bad.log.read_text().split("\n") if line][-1]
    with pytest.raises(InvalidInput, match="its whole output is in") as told:
        run_commands([bad], 1)
    assert said in str(told.value)


def test_a_command_that_was_killed_is_no_bad_input(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PROGRAM", ("-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(WorkerDied, match="1 of 1 commands failed.*no output"):
        run_commands([Command((), tmp_path / "log")], 1)


def test_nothing_to_do_is_done():
    done = []
    run_commands([], 4, done.append)
    assert done == []


def test_termination_ends_the_running_commands(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    waiting = f"""
        import signal
        told = open({str(fifo)!r}, "w")
        told.write("on")
        told.flush()
        signal.pause()
    """
    runner = f"""
        from pathlib import Path
        from affordance_grasp.learning.ablations import processes
        processes.PROGRAM = ("-c", {textwrap.dedent(waiting)!r})
        processes.run_commands([processes.Command((), Path({str(tmp_path / "log")!r}))], 1)
    """
    runner = textwrap.dedent(runner)
    process = subprocess.Popen([sys.executable, "-c", runner], stderr=subprocess.PIPE)
    with fifo.open() as told:
        assert told.read(2) == "on"
        process.send_signal(signal.SIGTERM)
        readable, _, _ = select.select([told], [], [], 30)
        assert readable, "the command goes on"
        assert told.read() == ""  # the end of the file: the command has ended too
    assert b"KeyboardInterrupt" in process.communicate()[1]
    assert process.returncode != 0
