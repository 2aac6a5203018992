"""How the numeric libraries are told to wait and to share the cores."""

import os
import subprocess
import sys

import pytest
import torch

from affordance_grasp.encoders.device import limit_threads
from affordance_grasp.errors import InvalidInput

NAMES = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")


def settings(**given: str) -> list[str]:
    """The settings of a process that has imported the package, and nothing numeric before."""
    script = (
        "import affordance_grasp, os, sys; assert 'numpy' not in sys.modules;"
        f"print(*[os.environ[name] for name in {NAMES}])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, env={**environment, **given}, capture_output=True, check=True)
    return said.stdout.decode().split()


def test_waiting_threads_leave_the_cores_to_others():
    assert settings() == ["PASSIVE", "1"]


def test_what_the_user_has_set_stays():
    assert settings(OMP_WAIT_POLICY="ACTIVE", OPENBLAS_NUM_THREADS="4") == ["ACTIVE", "4"]


def test_the_number_of_threads_is_set_or_refused():
    before = torch.get_num_threads()
    limit_threads(1)
    assert torch.get_num_threads() == 1
    limit_threads(before)
    with pytest.raises(InvalidInput, match="--threads is 0; it must be at least 1"):
        limit_threads(0)
