"""The front door: every command that is listed exists, and no fault ends in a traceback."""

import subprocess
import sys

import pytest

from affordance_grasp.cli import COMMANDS, main
from affordance_grasp.commands import weights


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there(name, capsys):
    with pytest.raises(SystemExit) as ending:
        main([name, "--help"])
    assert ending.value.code == 0
    assert f"affordance-grasp {name}" in capsys.readouterr().out


def test_a_file_that_cannot_be_used_is_one_sentence(monkeypatch, capsys):
    def full(arguments):
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr(weights, "run", full)
    assert main(["weights", "list"]) == 2
    printed = capsys.readouterr().err
    assert "No space left on device: 'x.json'" in printed
    assert printed.count("\n") == 1


def test_a_reader_that_goes_early_hears_no_complaint():
    script = "from affordance_grasp.cli import main; raise SystemExit(main(['weights', 'list']))"
    command = [sys.executable, "-u", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        complaint = process.stderr.read()
    assert complaint == b""
    assert process.returncode == 1
