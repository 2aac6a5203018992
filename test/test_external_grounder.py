"""Affordance models of others: programs and servers, good and bad ones."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from socket import create_server

import cv2
import numpy as np
import pytest

from affordance_grasp.cli import main
from affordance_grasp.datatypes import Region
from affordance_grasp.errors import ExternalFault, InvalidInput
from affordance_grasp.grounding.external import ExternalGrounder, checked_map
from affordance_grasp.grounding.settings import ExternalModel
from affordance_grasp.methods.table import EXTERNAL
from affordance_grasp.planning import GrounderOptions

EXAMPLES = Path(__file__).parents[1] / "examples"
SERVER = EXAMPLES / "ground_server.py"
REGION = Region(20, 10, 60, 50)
QUERY = "  Wo würde ich den Becher heben? "


def picture():
    """Grey, with a red spot about column 30 and row 40, and a redder one outside the region."""
    color = np.full((60, 80, 3), 128, np.uint8)
    cv2.circle(color, (30, 40), 4, (220, 60, 60), -1)
    cv2.circle(color, (70, 8), 5, (255, 0, 0), -1)
    return color


def words(script: Path) -> str:
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


def program(tmp_path, body, **settings):
    """One whose ``heatmap`` is made of ``request`` and ``color`` by a few lines."""
    script = tmp_path / "my model.py"
    script.write_text(
        "import cv2, json, pathlib, sys\nimport numpy as np\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "request = json.loads((folder / 'request.json').read_text())\n"
        "color = cv2.imread(str(folder / 'color.png'))[..., ::-1]\n"
        f"{body}\nnp.save(folder / 'heatmap.npy', heatmap)\n"
    )
    settings = {"model_timeout_s": 60.0, "model_persistent": False, **settings}
    return ExternalGrounder(ExternalModel(model_command=words(script), **settings))


@pytest.fixture(params=["program", "server"])
def example(request):
    """The example, either way."""
    if request.param == "program":
        yield ExternalGrounder(ExternalModel(model_command=words(SERVER), model_timeout_s=60.0))
        return
    pytest.importorskip("zmq", reason="pyzmq is not installed")
    with create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    process = subprocess.Popen([sys.executable, str(SERVER), address], env=environment)
    try:
        yield ExternalGrounder(ExternalModel(model_address=address, model_timeout_s=60.0))
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.processes
def test_the_example_finds_the_spot_in_the_region_and_answers_again(example):
    for _ in range(2):
        heatmap = example.ground(picture(), QUERY, REGION)
        assert np.linalg.norm(np.subtract(heatmap.peak_uv, (30, 40))) <= 3
        assert heatmap.values.shape == (60, 80) and heatmap.values.max() == 1
        assert heatmap.values[:10].max() == heatmap.values[:, 60:].max() == 0
        assert (heatmap.method, heatmap.affordance) == (EXTERNAL, QUERY)
        assert heatmap.confidence > 0.5


@pytest.mark.processes
def test_a_model_hears_the_query_and_the_region_as_they_are(tmp_path):
    body = f"""
assert request["query"] == {QUERY!r}
assert request["region"] == [20, 10, 60, 50] and (request["width"], request["height"]) == (80, 60)
assert color[40, 30].tolist() == [220, 60, 60]
heatmap = np.zeros(color.shape[:2]); heatmap[40, 30] = 0.5
"""
    heatmap = program(tmp_path, body).ground(picture(), QUERY, REGION)
    assert heatmap.peak_uv == (30, 40)
    assert heatmap.raw.shape == (40, 40) and heatmap.raw.max() == 0.5


@pytest.mark.processes
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit('no weights')", "ended with code 1: no weights"),
        ("import time; time.sleep(600)", "took longer than 3 s and was ended"),
        ("raise SystemExit(0)", "left no heatmap.npy"),
        ("heatmap = np.array([{}], object)", "heatmap.npy"),
    ],
)
def test_a_program_that_fails_is_told(tmp_path, body, said):
    with pytest.raises(ExternalFault, match=said):
        program(tmp_path, body, model_timeout_s=3.0 if "sleep" in body else 60.0).ground(
            picture(), "hold", REGION
        )


def a_map(**at):
    values = np.zeros((60, 80), np.float32)
    for place, value in at.items():
        row, column = {"inside": (40, 30), "outside": (5, 5)}[place]
        values[row, column] = value
    return values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (a_map(inside=0.5).T, r"\(80, 60\) of float32; expected numbers, \(60, 80\)"),
        (a_map(inside=0.5)[None], "expected numbers"),
        (a_map(inside=0.5) > 0, "of bool"),
        (a_map(inside=np.nan), "NaN or infinity"),
        (a_map(inside=0.5, outside=np.inf), "NaN or infinity"),
        (a_map(inside=-0.1), "reach from -0.1 to 0; expected 0..1"),
        ((255 * a_map(inside=1)).astype(np.uint8), "reach from 0 to 255"),
        (a_map(), "says nothing: it is 0 everywhere"),
        (a_map(outside=1.0), "says nothing: it is 0 everywhere"),
        (np.full((60, 80), 0.7), "says nothing: it is 0.7 everywhere"),
        (np.full((60, 80), 0.7) + a_map(inside=1e-5), "says nothing"),
    ],
)
def test_a_map_that_is_none_is_refused(values, said):
    with pytest.raises(ExternalFault, match=f"a model: the heatmap.* {said}"):
        checked_map(values, picture(), REGION, "a model")


def test_small_probabilities_are_a_map():
    part = checked_map(a_map(inside=1e-6), picture(), REGION, "a model")
    assert part.shape == (40, 40) and part.max() == np.float32(1e-6)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({}, "either model_command"),
        ({"model_command": "a", "model_address": "tcp://127.0.0.1:1"}, "either model_command"),
        ({"model_command": "'a"}, "No closing quotation"),
    ],
)
def test_a_model_is_a_program_or_a_server(model, said):
    with pytest.raises(InvalidInput, match=said):
        ExternalGrounder(ExternalModel(**model))


def test_any_words_are_a_query_but_none_are_not():
    grounder = GrounderOptions(method=EXTERNAL, model_address="tcp://127.0.0.1:1").load()
    assert grounder.resolve(QUERY) == QUERY
    for nothing in ("", "  ", "x" * 1001):
        with pytest.raises(InvalidInput, match="says nothing"):
            grounder.resolve(nothing)


@pytest.mark.processes
def test_ground_takes_an_external_model(tmp_path, capsys):
    image, out = tmp_path / "picture.png", tmp_path / "heatmap.npy"
    cv2.imwrite(str(image), picture()[..., ::-1])
    options = ["--method", EXTERNAL, "--model-command", words(SERVER), "--model-timeout-s", "60"]
    assert main(["ground", str(image), "--query", QUERY, "--npy", str(out), *options]) == 0
    assert "(external, " in capsys.readouterr().out
    row, column = np.unravel_index(np.load(out).argmax(), (60, 80))
    assert np.linalg.norm(np.subtract((column, row), (70, 8))) <= 3
