"""``affordance-grasp ground``: its JSON, its files, and one sentence for every bad input."""

import json

import cv2
import numpy as np
import pytest
from seeded_weights import seeded_image

from affordance_grasp.cli import main


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "scene.png"
    cv2.imwrite(str(path), seeded_image(2, 200, 200)[:150])
    return path


def test_json_and_files(image, random_checkpoint, tmp_path, capsys):
    npy, png = tmp_path / "heat.npy", tmp_path / "heat.png"
    arguments = ["--checkpoint", str(random_checkpoint), "--npy", str(npy), "--out", str(png)]
    assert main(["ground", str(image), "--query", "grab it", *arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == [
        "query",
        "affordance",
        "method",
        "checkpoint",
        "peak_uv",
        "confidence",
        "latency_ms",
    ]
    assert (report["query"], report["affordance"]) == ("grab it", "hold")
    assert report["checkpoint"] == str(random_checkpoint)
    heat = np.load(npy)
    assert heat.shape == (150, 200)
    assert heat.dtype == np.float32
    u, v = report["peak_uv"]
    assert heat[v, u] == heat.max() == 1
    assert cv2.imread(str(png)).shape[:2] == (150, 200)


def test_plain_words(image, random_checkpoint, capsys):
    arguments = ["--query", "cut", "--checkpoint", str(random_checkpoint)]
    assert main(["ground", str(image), *arguments]) == 0
    assert capsys.readouterr().out.startswith("cut -> cut_with: peak at column")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "nowhere.png"}, "nowhere.png"),
        ({"image": __file__}, "cannot be read"),
        ({"--query": "quantum physics"}, "unknown query 'quantum physics'; known: hold, cut_with"),
        ({"--query": ""}, "unknown query ''"),
        ({"--method": "magic"}, "unknown method 'magic'; known: plsp"),
        ({"--checkpoint": "nowhere.safetensors"}, "nowhere.safetensors does not exist"),
        ({"--checkpoint": __file__}, "corrupt or not a safetensors file"),
        ({"--npy": "/dev/null/heat.npy"}, "cannot be written"),
        ({"--out": "/dev/null/heat.png"}, "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    image, random_checkpoint, capsys, change, words
):
    chosen = {
        "image": str(image),
        "--query": "hold",
        "--method": "plsp",
        "--checkpoint": str(random_checkpoint),
        **change,
    }
    options = [word for key, value in chosen.items() if key != "image" for word in (key, value)]
    assert main(["ground", chosen["image"], *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_a_query_cannot_steer_the_terminal(image, random_checkpoint, capsys):
    query = "\x1b[2J\rhold"
    assert (
        main(["ground", str(image), "--query", query, "--checkpoint", str(random_checkpoint)]) == 0
    )
    assert capsys.readouterr().out.startswith(r"\x1b[2J hold -> hold: peak")
