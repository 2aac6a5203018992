import pickle

import pytest

from affordance_grasp import errors
from affordance_grasp.errors import AffordanceGraspError, UnknownName, Unreachable


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


CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type)]
MADE_OF = {UnknownName: ("query", "juggle", ("hold", "cut")), Unreachable: ("no_ik", "too far")}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_goes_from_one_process_to_another(kind):
    assert issubclass(kind, AffordanceGraspError)
    error = kind(*MADE_OF.get(kind, ("what was wrong",)))
    received = pickle.loads(pickle.dumps(error))
    assert type(received) is kind and str(received) == str(error)
    assert getattr(received, "reason", None) == getattr(error, "reason", None)
