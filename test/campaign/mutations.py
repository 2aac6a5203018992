"""What may be wrong with a file: seeded changes of a valid one.

``changed(content, suffix, rng)`` gives the name of the change and the new content; ``replaced``
puts something that is no file, or another file, in its place.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

Rng = np.random.Generator
Change = Callable[[bytes, Rng], bytes]

NUMBERS = re.compile(rb"(?<![\w.])-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])")
NAMES = re.compile(rb"[A-Za-z_]\w+")
WORDS = [
    *(b"nan", b"inf", b"-inf", b".nan", b".inf", b"-1", b"0", b"1e308", b"-1e308", b"1e999"),
    *(b"9" * 5000, b"18446744073709551616", b"2147483648", b"1e-320", b"0x7f", b"010", b"1_0"),
    *(b"true", b"null", b"yes", b"~", b"''", b'""', b"[]", b"{}", b"[[[1]]]", b"x", b"3 mm"),
    *(b"2024-01-02", b"1:30", b"!!float x", b"!!int ''", b"!!python/name:os.system", b"*a"),
    *(b"&a [*a]", b"<<: 1", b"${pi/2}", b"0, 0, 0", b"../../../etc/passwd", b"/dev/zero"),
    *(b"'a\\0b'", b'"a\\0b"', b"\x00", b"\xff\xfe", b"\x1b[2J", "é\u202e".encode(), b"x" * 30_000),
    *(b"[" * 5000, b"{" * 5000, b'{"a":' * 3000, b"- " * 3000, b"%s%n", b"\\ud800", b'"\\ud800"'),
]
WHOLES = (0, 1, 2**7, 2**8, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 30_000, 65_500)
LAUGHS = b"".join(
    b"l%d: &l%d [%s]\n" % (i, i, b", ".join([b"*l%d" % (i - 1) if i else b"ha"] * 9))
    for i in range(10)
)
FOREIGN = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    "gzip": b"\x1f\x8b\x08" + bytes(40),
    "zip": b"PK\x03\x04" + bytes(60),
    "pickle": b"cposix\nsystem\n(S'touch ran_code'\ntR.",
    "elf": b"\x7fELF" + bytes(60),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>',
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "empty": b"",
    "zeros": bytes(100_000),
    "blank": b"\n" * 1000,
}


def truncated(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(0, max(len(content), 1)))]


def flipped(content: bytes, rng: Rng) -> bytes:
    """Some bits turned, half of the time near the beginning."""
    changed = bytearray(content)
    end = len(changed) if rng.random() < 0.5 else min(len(changed), 256)
    for place in rng.integers(0, max(end, 1), int(rng.integers(1, 40))):
        if changed:
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def lying_fields(content: bytes, rng: Rng) -> bytes:
    """Whole numbers of two to eight bytes near the beginning that say something else."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        size = int(rng.choice([2, 4, 8]))
        place = int(rng.integers(0, max(min(len(changed), 300) - size, 1)))
        order = "big" if rng.random() < 0.5 else "little"
        value = int(rng.choice(WHOLES)) % 2 ** (8 * size)
        changed[place : place + size] = value.to_bytes(size, order)
    return bytes(changed)


def spliced(content: bytes, rng: Rng) -> bytes:
    """A piece moved, doubled, or replaced by noise."""
    a, b, c = sorted(int(i) for i in rng.integers(0, len(content) + 1, 3))
    noise = rng.bytes(int(rng.integers(1, 200)))
    pick = int(rng.integers(3))
    return (content[:a] + content[b:c] * 2 + content[c:], content[:b] + noise + content[b:])[
        pick % 2
    ]


def hostile_number(content: bytes, rng: Rng) -> bytes:
    return _one(NUMBERS, content, rng, WORDS)


def hostile_word(content: bytes, rng: Rng) -> bytes:
    return _one(NAMES, content, rng, WORDS)


def swapped_names(content: bytes, rng: Rng) -> bytes:
    return _one(NAMES, content, rng, [match[0] for match in NAMES.finditer(content)] or [b"x"])


def lines_changed(content: bytes, rng: Rng) -> bytes:
    """A line lost, doubled, turned inward, or lines of a billion laughs before it."""
    lines = content.split(b"\n")
    place = int(rng.integers(len(lines)))
    line = lines[place]
    choice = int(rng.integers(5))
    lines[place : place + 1] = [
        [],
        [line, line],
        [b"   " + line],
        [LAUGHS, line],
        [line, b"\x00"],
    ][choice]
    return b"\n".join(lines)


def other_encoding(content: bytes, rng: Rng) -> bytes:
    text = content.decode(errors="replace")
    encoding = str(rng.choice(["utf-16", "utf-32", "utf-8-sig", "cp037", "utf-7"]))
    return text.encode(encoding, errors="replace")  # cp037 has 256 characters


def nested(content: bytes, rng: Rng) -> bytes:
    """The text inside many brackets or elements."""
    depth = int(rng.choice([10, 100, 5000, 100_000]))
    opening, closing = ((b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>"))[int(rng.integers(3))]
    return opening * depth + content + closing * depth


def lying_png(content: bytes, rng: Rng) -> bytes:
    """A PNG whose header, with a right checksum, claims another size, depth or kind of colour."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return flipped(content, rng)
    width, height, depth, color = struct.unpack(">IIBB", content[16:26])
    field = int(rng.integers(4))
    if field < 2:
        width = int(rng.choice([*WHOLES, width])) or 1
        height = int(rng.choice([*WHOLES, height])) or 1
    else:
        depth, color = int(rng.choice([1, 2, 4, 8, 16, 32])), int(rng.choice([0, 2, 3, 4, 6, 7]))
    head = b"IHDR" + struct.pack(">IIBB", width, height, depth, color) + content[26:29]
    return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]


def bomb_png(content: bytes, rng: Rng) -> bytes:
    """A few kilobytes that are 8192 x 8192 pixels, or a text of 200 MB."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    side = int(rng.choice([4096, 8192, 30_000]))
    if rng.random() < 0.5:
        text = b"a\0\0" + zlib.compress(bytes(200_000_000), 1)
        return content[:33] + chunk(b"zTXt", text) + content[33:]
    rows = zlib.compressobj(1)
    body = b"".join(rows.compress(bytes(1 + 3 * side) * 16) for _ in range(256)) + rows.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return content[:8] + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def foreign(content: bytes, rng: Rng) -> bytes:
    return FOREIGN[str(rng.choice(sorted(FOREIGN)))]


def noise(content: bytes, rng: Rng) -> bytes:
    return rng.bytes(int(rng.integers(1, 5000)))


def _one(pattern: re.Pattern[bytes], content: bytes, rng: Rng, words: list[bytes]) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return flipped(content, rng)
    match = found[int(rng.integers(len(found)))]
    return content[: match.start()] + words[int(rng.integers(len(words)))] + content[match.end() :]


BYTES: tuple[Change, ...] = (truncated, flipped, lying_fields, spliced, foreign, noise)
TEXT: tuple[Change, ...] = (
    *(hostile_number,) * 5,
    *(hostile_word,) * 2,
    *(swapped_names, lines_changed, other_encoding, nested, truncated, flipped, foreign),
)
IMAGE: tuple[Change, ...] = (*BYTES, lying_png, lying_png, bomb_png)
CHANGES = {
    **dict.fromkeys((".yaml", ".json", ".jsonl", ".urdf", ".calib"), TEXT),
    **dict.fromkeys((".png", ".jpg"), IMAGE),
    **dict.fromkeys((".ply", ".pcd"), (*TEXT, *BYTES)),
}
SPECIAL = ("pipe", "zeros", "loop", "folder", "nothing", "sparse", "socket", "passwd")


def changed(content: bytes, suffix: str, rng: Rng) -> tuple[str, bytes]:
    """A change that suits files of a suffix, by name, and what it makes of the content."""
    changes = CHANGES.get(suffix, BYTES)
    change = changes[int(rng.integers(len(changes)))]
    return change.__name__, change(content, rng)


def replaced(path: Path, rng: Rng) -> str:
    """Put something else in a file's place; its name."""
    kind = str(rng.choice(SPECIAL))
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(2**34)
    elif kind == "socket":
        os.mknod(path, 0o140644)
    elif kind != "nothing":
        path.symlink_to({"zeros": "/dev/zero", "loop": path.name, "passwd": "/etc/passwd"}[kind])
    return kind
