"""What killed processes have left in shared memory goes; what is used by any process stays."""

import fcntl
import mmap
import os
from time import time

import pytest

from affordance_grasp.nodes.graph.shared_memory import YOUNG_S, sweep


@pytest.fixture
def left(tmp_path):
    """Makes files of a participant, as old as wanted; returns the one with its memory."""

    def left(name, age_s=2 * YOUNG_S, locked=True):
        files = [tmp_path / name, tmp_path / f"sem.{name}_mutex"]
        files += [tmp_path / f"{name}_el"] if locked else []
        for file in files:
            file.write_bytes(b"\0" * 4096)
            os.utime(file, (time() - age_s,) * 2)
        return files[0]

    return left


def remaining(folder):
    return sorted(file.name for file in folder.iterdir())


def test_what_the_dead_have_left_is_removed(tmp_path, left):
    left("fastrtps_0123456789abcdef")
    left("fastrtps_port7410")
    left("fastrtps_port7411", locked=False)
    (tmp_path / "fastrtps_lone_el").touch()
    os.utime(tmp_path / "fastrtps_lone_el", (0, 0))
    (tmp_path / "of_another_program").touch()
    sweep(tmp_path)
    assert remaining(tmp_path) == ["of_another_program"]
    sweep(tmp_path / "that is not there")


def test_what_is_held_mapped_or_new_stays(tmp_path, left):
    held, mapped = left("fastrtps_held"), left("fastrtps_mapped", locked=False)
    left("fastrtps_new", age_s=-3600)  # by a clock that a busy machine cannot outrun
    before = remaining(tmp_path)
    with open(held.with_name("fastrtps_held_el"), "rb") as lock, open(mapped, "r+b") as file:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with mmap.mmap(file.fileno(), 0):
            sweep(tmp_path)
            assert remaining(tmp_path) == before
    sweep(tmp_path)
    assert [name for name in remaining(tmp_path) if "new" not in name] == []
