import struct
import sys

import pytest

from affordance_grasp.errors import MissingPackage
from affordance_grasp.learning.training.events import ScalarEvents

ROW = {"epoch": 1, "loss_total": 0.5, "test_kld": 1.25, "train_s": 3.0, "learning_rate": 1e-3}


def read_events(folder):
    """Events of every file of a folder, in order; TFRecords: length, check, content, check."""
    from tensorboardX.proto.event_pb2 import Event

    events = []
    for path in sorted(folder.iterdir()):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            events.append(Event.FromString(content[at + 12 : at + 12 + length]))
            at += 16 + length
    return events


def scalars(events):
    return [
        (value.tag, event.step, value.simple_value)
        for event in events
        for value in event.summary.value
    ]


def test_every_value_of_an_epoch_is_a_scalar_at_its_number(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    written = ScalarEvents(tmp_path)
    written.add(ROW)
    written.add({**ROW, "epoch": 2, "loss_total": 0.25})
    written.close()
    read = scalars(read_events(tmp_path))
    assert len(read) == 8
    assert ("loss/total", 1, 0.5) in read and ("loss/total", 2, 0.25) in read
    assert ("test/kld", 1, 1.25) in read and ("train_s", 2, 3.0) in read
    assert ("learning_rate", 1, pytest.approx(1e-3)) in read


def test_a_run_that_goes_on_takes_back_what_was_written_of_its_epoch(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    for _ in range(2):
        written = ScalarEvents(tmp_path / "events")
        written.add({**ROW, "epoch": 3})
        written.close()
    starts = [e.step for e in read_events(tmp_path / "events") if e.session_log.status]
    assert starts and set(starts) == {3}


def test_without_the_package_training_does_not_begin(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingPackage, match=r"--tensorboard needs .*\[tensorboard\]"):
        ScalarEvents(tmp_path)
