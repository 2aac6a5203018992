"""Frames planned in processes of their own; the words a process says when it cannot."""

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from small_bags import bag_writer, image, info
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp.batch import dask_cluster
from affordance_grasp.batch.spread import spread
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import (
    CheckpointError,
    InvalidInput,
    MissingPackage,
    UnknownName,
    WorkerDied,
)
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.options import ReplayOptions, TopicNames
from affordance_grasp.replay.planner import FramePlanner, plan_frame
from affordance_grasp.replay.source import FrameSource

FRAMES = 5
SETUP = ReplayOptions(query="hold", rule="quality")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """A bar that is a little longer in every frame."""
    path = tmp_path_factory.mktemp("bags") / "bag"
    small = CameraIntrinsics(
        INTRINSICS.fx / 4, INTRINSICS.fy / 4, INTRINSICS.cx / 4, INTRINSICS.cy / 4, 160, 120
    )
    with bag_writer(path) as writer:
        for i in range(FRAMES):
            frame = tabletop(Block(0, 0, (0.14 + 0.02 * i, 0.025, 0.02)), noise_m=0.0005)
            depth = np.rint(frame.depth_m[::4, ::4] * 1000).astype(np.uint16)
            color = np.ascontiguousarray(frame.color[::4, ::4])
            writer.write("/camera/color/camera_info", info(i, small), i)
            topic = "/camera/aligned_depth_to_color/image_raw"
            writer.write(topic, image(i, depth, "16UC1"), i)
            writer.write("/camera/color/image_raw", image(i, color, "rgb8"), i)
    return path


def planner(setup):
    return spread(plan_frame, partial(FramePlanner, setup, False), setup.workers)


def jobs(source):
    return ((frame, False, {"broken": frame.index}) for frame in source.frames())


def comparable(results):
    return [replace(result, latency_ms={"total": 0.0}) for result in results]


@pytest.fixture
def source(bag):
    with Bag(bag) as opened:
        yield FrameSource(opened, find_topics(opened.topics, TopicNames(), "hold"), None)


def test_processes_answer_as_one_does_and_in_order_and_their_death_is_told(source):
    with planner(replace(SETUP, workers=1)) as plan:
        alone = comparable(plan(jobs(source)))
    assert [result.index for result in alone] == list(range(FRAMES))
    assert [result.lost for result in alone] == [{"broken": i} for i in range(FRAMES)]
    assert len({result.grasps[0]["width_m"] for result in alone}) > 1
    with planner(SETUP) as plan:
        assert comparable(plan(jobs(source))) == alone


def divided(hundred, job):
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return hundred / job


def own_pid(pid, _):
    return pid


def failing(jobs, error):
    yield from jobs
    raise error


def test_a_process_that_dies_is_told_and_what_was_finished_before_is_there():
    finished = []
    with (
        pytest.raises(WorkerDied, match="a process died, perhaps for lack of memory"),
        spread(divided, partial(int, 100), 2) as run,
    ):
        finished += run([1, 2, 4])
        list(run([1, "die", *[5] * 20]))
    assert finished == [100, 50, 25]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_of_a_job_and_of_what_gives_the_jobs_arrive(workers):
    with pytest.raises(ZeroDivisionError), spread(divided, partial(int, 100), workers) as run:
        list(run([1, 0, 1]))
    with pytest.raises(EOFError), spread(divided, partial(int, 100), workers) as run:
        list(run(failing([1, 2, 4], EOFError("no more"))))


def test_a_run_that_is_left_early_leaves_no_process_behind():
    with spread(own_pid, os.getpid, 2) as run:
        pids = set(zip(range(6), run(range(1000)), strict=False))
    for _, pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_cannot_be_loaded_is_one_sentence():
    setup = ReplayOptions(query="hold", checkpoint=Path("none.safetensors"), workers=1)
    with (
        pytest.raises(CheckpointError, match="none.safetensors does not exist"),
        planner(setup),
    ):
        pass


@pytest.mark.parametrize("workers", [1, 2])
def test_a_query_that_the_head_does_not_know_is_refused_before_the_first_frame(
    random_checkpoint, workers
):
    setup = ReplayOptions(query="ride", checkpoint=random_checkpoint)
    with (
        pytest.raises(UnknownName, match="unknown query 'ride'; known: hold, cut_with"),
        planner(replace(setup, workers=workers)),
    ):
        pass


needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="needs distributed, which the extra 'cluster' brings"
)


@needs_dask
@pytest.mark.processes
def test_a_cluster_of_dask_answers_in_order_and_tells_errors_without_a_traceback(capfd):
    with spread(divided, partial(int, 100), 2, "dask") as run:
        assert list(run([1, 2, 4, 5, 10, 20])) == [100, 50, 25, 20, 10, 5]
        with pytest.raises(ZeroDivisionError):
            list(run([1, 0, 1]))
        with pytest.raises(EOFError):
            list(run(failing([1, 2, 4], EOFError("no more"))))
    setup = partial(FramePlanner, ReplayOptions(query="hold", checkpoint=Path("none")), False)
    with (
        pytest.raises(CheckpointError, match="none does not exist"),
        spread(plan_frame, setup, 2, "dask"),
    ):
        pass
    assert "Traceback" not in capfd.readouterr().err


@needs_dask
def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 0.5)
    with (
        pytest.raises(InvalidInput, match="--backend tcp://127.0.0.1:9 is no Dask scheduler"),
        spread(divided, partial(int, 100), 2, "tcp://127.0.0.1:9"),
    ):
        pass


def test_a_cluster_without_its_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingPackage, match=r"--backend dask needs .* distributed.*\[cluster\]"),
        spread(divided, partial(int, 100), 2, "dask"),
    ):
        pass
