"""The front door: every command that is listed exists, and no fault ends in a traceback."""

import subprocess
import sys

import pytest

import affordance_grasp
from affordance_grasp.cli import COMMANDS, main
from affordance_grasp.commands.learning import weights
from affordance_grasp.errors import InvalidInput, MissingPackage


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"affordance-grasp {affordance_grasp.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there(name, capsys):
    with pytest.raises(SystemExit) as ending:
        main([name, "--help"])
    assert ending.value.code == 0
    assert f"affordance-grasp {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "code", "sentence"),
    [
        (OSError(28, "No space left on device", "x.json"), 3, "No space left on device: 'x.json'"),
        (FileNotFoundError(2, "No such file", "x.json"), 2, "No such file: 'x.json'"),
        (MemoryError("Unable to allocate 9 GiB"), 3, "memory is full (Unable to allocate 9 GiB)"),
        (ModuleNotFoundError("No module", name="mujoco.viewer"), 3, "mujoco, which cannot be"),
        (InvalidInput("--seed is -1"), 2, "weights: --seed is -1\n"),
        (MissingPackage("no msgpack"), 3, "weights: no msgpack\n"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_every_fault_is_one_sentence_and_a_code(fault, code, sentence, monkeypatch, capsys):
    def broken(arguments):
        raise fault

    monkeypatch.setattr(weights, "run", broken)
    assert main(["weights", "list"]) == code
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


def test_a_module_that_no_extra_brings_is_our_own_fault(monkeypatch):
    def broken(arguments):
        raise ModuleNotFoundError("No module", name="affordance_grasp.nowhere")

    monkeypatch.setattr(weights, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        main(["weights", "list"])


def test_a_reader_that_goes_early_hears_no_complaint():
    script = "from affordance_grasp.cli import main; raise SystemExit(main(['weights', 'list']))"
    command = [sys.executable, "-u", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        complaint = process.stderr.read()
    assert complaint == b""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fly"], "affordance-grasp: argument COMMAND: invalid choice: 'fly' (choose from"),
        (["ground"], "affordance-grasp ground: the following arguments are required: image, --qu"),
        (["train", "--method", "magic"], "argument --method: invalid choice: 'magic'"),
    ],
)
def test_a_wrong_word_is_one_sentence_without_the_whole_usage(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in error and error.count("\n") == 1 and error.endswith(" --help\n")
