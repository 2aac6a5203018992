"""Plain values of YAML and JSON, and texts that would cost a process its memory or its life."""

import os
from math import inf

import pytest

from affordance_grasp.configuration.documents import (
    MAX_DEPTH,
    MAX_YAML_BYTES,
    parse_json,
    parse_yaml,
    read_json,
    read_yaml,
)
from affordance_grasp.errors import InvalidInput

LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n".encode()
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"", None),
        (b"a: 1\nb: -2.5\nc: 1e-3\nd: .5\n", {"a": 1, "b": -2.5, "c": 1e-3, "d": 0.5}),
        (b"[true, no, ~, null, '', 'true', \"1\"]", [True, False, None, None, "", "true", "1"]),
        (b"[2024-01-02, 1:30, 1_000, 0x1f, .inf]", ["2024-01-02", "1:30", "1_000", "0x1f", inf]),
        (b"{on: 1, 2: two}", {"on": 1, "2": "two"}),
        (b"a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
        (b"\xef\xbb\xbf--- \na: {b: {c: [1]}}\n...\n", {"a": {"b": {"c": [1]}}}),
        (b"010", 10),
    ],
)
def test_plain_values_of_yaml(text, value):
    assert parse_yaml(text, "it") == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: 1\nb: 2\na: 3\n", "line 3: 'a' stands twice"),
        (b"a: !!float x\n", "line 1: tag 'tag:yaml.org,2002:float'"),
        (b"a: !!int ''\n", "tag"),
        (b"a: !!python/object/apply:os.system ['true']\n", "tag"),
        (b"a: &a [*a]\n", r"line 1: \*a stands for no earlier value"),
        (b"a: &a {<<: *a}\n", r"\*a stands"),
        (b"[" * 1000, "nested deeper"),
        (b"- " * 20_000, "nested deeper"),
        (b"{" * 100_000, "nested deeper|a name is no text"),
        (LAUGHS, "more than 200000 values"),
        (b"1" * 5000, "beyond 64 bits"),
        (b"a: 99999999999999999999", "beyond 64 bits"),
        (b"? [1, 2]\n: 3\n", "a name is no text"),
        (b"a: 1\n---\nb: 2\n", "line 2: a second document"),
        (b"\xff\xfe", "cannot be read"),
        (b"a: \x00", "cannot be read"),
        (b"a: 'x", "cannot be read"),
    ],
)
def test_other_yaml_is_refused(text, words):
    with pytest.raises(InvalidInput, match=words) as error:
        parse_yaml(text, "it")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "'a' stands twice"),
        ("[" * 100_000, "nested too deep"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper than 32"),
        ("1" * 5000, "beyond 64 bits"),
        ("[-9223372036854775809]", "beyond 64 bits"),
        ('["\\ud800"]', "surrogates not allowed"),
        ("", "not readable JSON"),
        (b"\xff", "not readable JSON"),
    ],
)
def test_other_json_is_refused(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_json(text, "it")


def test_plain_values_of_json():
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(deepest, "it") is not None
    assert parse_json('{"a": [1, 2.5, null, true, "x"]}', "it") == {"a": [1, 2.5, None, True, "x"]}


def test_a_million_names_are_compared_at_once():
    names = ", ".join(f'"{i}": 0' for i in range(300_000))
    assert len(parse_json("{" + names + "}", "it")) == 300_000
    with pytest.raises(InvalidInput, match="'7' stands twice"):
        parse_json("{" + names + ', "7": 1}', "it")


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_what_never_ends_is_not_opened(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * 100)
    for name, words in (
        ("pipe", "device or pipe"),
        ("/dev/zero", "device or pipe"),
        ("", "folder"),
    ):
        with pytest.raises(InvalidInput, match=words):
            read(tmp_path / name, "it")
    for name in ("none", "a\0b", "x" * 300):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read(tmp_path / name, "it")
    with pytest.raises(InvalidInput, match="it .*large has 100 bytes; at most 99 bytes are read"):
        read(tmp_path / "large", "it", 99)


def test_settings_have_their_own_limit(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_YAML_BYTES + 1))
    with pytest.raises(InvalidInput, match="at most 1 MiB"):
        read_yaml(tmp_path / "large.yaml")
