import pytest

from affordance_grasp.errors import UnknownName


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
