import pickle
from pathlib import Path

import pytest

from affordance_grasp import errors
from affordance_grasp.errors import (
    AffordanceGraspError,
    InvalidInput,
    NotWritable,
    StorageFull,
    UnknownName,
    Unreachable,
    writing,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("juggle", "unknown query 'juggle'; known: hold, cut"),
        ("two\nlines", r"unknown query 'two\nlines'; known: hold, cut"),
        ("x" * 10_000, f"unknown query '{'x' * 60}...'; known: hold, cut"),
        ("", "unknown query ''; known: hold, cut"),
    ],
)
def test_an_unknown_name_is_one_short_line(name, shown):
    assert str(UnknownName("query", name, ("hold", "cut"))) == shown


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("two\n  lines", "two lines"),
        ("\x1b[2Jgone\x07 \u202eback", r"\x1b[2Jgone\x07 \u202eback"),
        ("caf\u00e9 \udcff", r"caf\u00e9 \udcff".replace(r"\u00e9", "\u00e9")),
    ],
)
def test_a_message_is_one_line_that_no_terminal_obeys(message, line):
    assert str(InvalidInput(message)) == line


def test_every_message_is_bounded_and_keeps_its_ends():
    message = str(InvalidInput("begin " + "\U000e0001" * 10**6 + " end"))
    assert len(message) < 1300
    assert message.startswith("begin ") and message.endswith(" end") and "[...]" in message


CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and kind.__module__ == errors.__name__
]
MADE_OF = {UnknownName: ("query", "juggle", ("hold", "cut")), Unreachable: ("no_ik", "too far")}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_goes_from_one_process_to_another(kind):
    assert issubclass(kind, AffordanceGraspError)
    error = kind(*MADE_OF.get(kind, ("what was wrong",)))
    received = pickle.loads(pickle.dumps(error))
    assert type(received) is kind and str(received) == str(error)
    assert getattr(received, "reason", None) == getattr(error, "reason", None)
    assert received.exit_code == error.exit_code


def fault_of(path, write):
    with pytest.raises(AffordanceGraspError) as caught, writing(path):
        write()
    return caught.value


def test_a_full_disk_is_told_as_one():
    path = Path("/dev/full")
    fault = fault_of(path, lambda: path.write_bytes(b"some"))
    assert type(fault) is StorageFull
    assert fault.exit_code == 3
    assert str(fault).startswith("/dev/full cannot be written (No space left on device); free")


def test_a_path_that_cannot_be_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    fault = fault_of(below, lambda: below.write_text(""))
    assert type(fault) is InvalidInput
    assert fault.exit_code == 2
    assert str(fault) == f"{below} cannot be written (Not a directory)"


@pytest.mark.parametrize("number", errors.BARRED)
def test_what_may_not_be_written_is_the_machines_matter(number):
    def refused():
        raise OSError(number, "not you")

    fault = fault_of(Path("a.json"), refused)
    assert type(fault) is NotWritable
    assert fault.exit_code == 3
    assert str(fault) == "a.json cannot be written (not you)"
