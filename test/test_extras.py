import pytest

from affordance_grasp import extras
from affordance_grasp.errors import MissingPackage


def test_a_package_that_is_there_is_imported():
    import zmq

    assert extras.require("zmq", "the test") is zmq


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(extras.PACKAGES, "not_there", ("not-there", "view"))
    sentence = (
        r"the test needs the Python package not-there.*No module named 'not_there'.*\[view\]"
    )
    with pytest.raises(MissingPackage, match=sentence):
        extras.require("not_there.inside", "the test")
