"""What CI tries again: tests that are marked, and no others."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / ".ci" / "try_again.py"
TESTS = """
import pathlib, pytest

def first_time():
    seen = pathlib.Path(__file__).with_suffix(".seen")
    first = not seen.exists()
    seen.touch()
    return first

{mark}
def test_flaky():
    assert not first_time()

def test_sound():
    pass
"""
MARK = "@pytest.mark.processes"


def run(folder, file="test_some.py"):
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = processes: starts processes\n")
    return subprocess.run(
        [sys.executable, PROGRAM, file],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def closing(ended):
    """What pytest says last, for each time that it ran."""
    return re.findall(r"=+ (.*) in [0-9.]+s =+", ended.stdout)


def test_a_marked_test_may_fail_once_and_both_results_are_told(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS.format(mark="@pytest.mark.processes"))
    ended = run(tmp_path)
    assert ended.returncode == 0
    assert closing(ended) == ["1 failed, 1 passed", "1 passed, 1 deselected"]
    last = ended.stdout.splitlines()[-1]
    assert last == "failed, then passed when tried again: test_some.py::test_flaky"


def test_any_other_test_fails_at_once(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS.format(mark=""))
    ended = run(tmp_path)
    assert ended.returncode == 1
    assert closing(ended) == ["1 failed, 1 passed", "2 deselected"]
    assert ended.stdout.splitlines()[-1] == "failed: test_some.py::test_flaky"


def test_what_passes_runs_once(tmp_path):
    (tmp_path / "test_some.py").write_text("def test_sound():\n    pass\n")
    ended = run(tmp_path)
    assert ended.returncode == 0
    assert closing(ended) == ["1 passed"]


def test_nothing_to_run_is_no_success(tmp_path):
    assert run(tmp_path, "none.py").returncode == 4
