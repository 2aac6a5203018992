import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from agd20k_tree import write_tree
from tiny_detectors import write_grounding_dino, write_owlv2

from affordance_grasp.cli import main
from affordance_grasp.datasets.affordances_file import AffordanceNotes
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.detections import DETECTIONS_FILE, FoundBoxes, RecordedDetector
from affordance_grasp.errors import EnvironmentFault, ExternalFault, InvalidInput
from affordance_grasp.learning.labels.box_detectors import (
    ProgramDetector,
    ZeroShotDetector,
    inside,
)
from affordance_grasp.learning.labels.detection_run import (
    JOURNAL,
    object_prompt,
    read_prompts,
    write_detections,
)

COLOR = np.zeros((40, 60, 3), np.uint8)
PROMPTS = {"hold": {"mug": "mug handle", "knife": "knife handle"}, "cut_with": {"knife": "blade"}}


class Eyes:
    """Finds what is asked for in a box as wide as the words are long; never a blade."""

    name = "eyes"

    def __init__(self, most=1000):
        self.seen, self.most = [], most

    def detect(self, color, prompts):
        if len(self.seen) == self.most:
            raise KeyboardInterrupt
        self.seen.append(prompts)
        boxes = {p: inside(FoundBoxes([(0, 0, len(p), 9)], [0.75]), 120, 96) for p in prompts}
        return {**boxes, "blade": None}


@pytest.fixture
def split(tmp_path):
    folder = write_tree(tmp_path)
    (folder / "trainset" / DETECTIONS_FILE).unlink()
    return load_split(tmp_path, "Seen")


def test_every_image_is_asked_for_its_parts_and_its_object(split, tmp_path):
    eyes, path = Eyes(), tmp_path / "boxes.json"
    count = write_detections(split, eyes, PROMPTS, path)
    assert count.images == 6 + 12 and count.without_part == 3  # 3 blades
    assert ["blade", "knife", "knife handle"] in eyes.seen  # one image of two affordances
    assert ["mug"] in eyes.seen  # an exocentric one
    found = RecordedDetector(path)
    for image in split.train_ego:
        prompt = PROMPTS.get(image.affordance, {}).get(image.object) or object_prompt(image)
        assert found.prompt(*image.pair) == prompt
        parts = found.parts(image)
        assert (parts is None) == (prompt == "blade")
        assert parts is None or parts.boxes.tolist() == [[0, 0, len(prompt), 9]]
        assert found.object_ego(image).boxes[0, 2] == len(image.object)
    assert all(found.object_exo(image).scores.tolist() == [0.75] for image in split.train_exo)


def test_a_detection_that_was_stopped_goes_on_where_it_was(split, tmp_path):
    path, once = tmp_path / "boxes.json", tmp_path / "once.json"
    with pytest.raises(KeyboardInterrupt):
        write_detections(split, Eyes(most=5), PROMPTS, path)
    assert not path.exists()
    other = Eyes()
    other.name = "other eyes"
    with pytest.raises(InvalidInput, match="detector 'eyes' instead of 'other eyes'"):
        write_detections(split, other, PROMPTS, path)
    rest = Eyes()
    write_detections(split, rest, PROMPTS, path)
    assert len(rest.seen) == 18 - 5
    assert not (split.folder / JOURNAL).parent.exists()
    write_detections(split, Eyes(), PROMPTS, once)
    assert path.read_text() == once.read_text()


def test_the_published_words_name_all_pairs_of_agd20k():
    prompts = read_prompts()
    assert len(prompts) == 36 and sum(map(len, prompts.values())) == 124
    assert prompts["cut_with"]["knife"] == "knife blade"


def test_a_data_sets_own_words_come_first(split):
    notes = {
        "hold": AffordanceNotes(parts={"mug": "ear of the mug"}),
        "hang_up": AffordanceNotes(),
    }
    prompts = read_prompts(split=replace(split, notes=notes))
    assert prompts["hold"]["mug"] == "ear of the mug"
    assert prompts["hold"]["knife"] == "knife handle" and prompts["hang_up"] == {}


@pytest.mark.parametrize("text", ["hold: handle", "hold: {mug: 3}", "hold: {mug: ' '}", "- mug"])
def test_prompts_that_are_none_are_refused(tmp_path, text):
    path = tmp_path / "prompts.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="for each affordance, objects and what to look for"):
        read_prompts(path)


PROGRAM = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
asked = json.loads((folder / "request.json").read_text())
assert (folder / "image.png").exists()
boxes = [[-5, 0, asked["width"], 9]]
answer = {{p: {{"boxes": boxes, "scores": [0.5]}} for p in asked["prompts"]}}
answer.pop("nothing", None)
(folder / "boxes.json").write_text({answer})
"""


def program(tmp_path, answer="json.dumps(answer)"):
    path = tmp_path / "detector.py"
    path.write_text(PROGRAM.format(answer=answer))
    return f"{sys.executable} {path}"


@pytest.mark.processes
def test_a_program_answers_in_files(tmp_path):
    detector = ProgramDetector(program(tmp_path), 60, persistent=False)
    found = detector.detect(COLOR, ["mug", "nothing"])
    assert found["mug"].boxes.tolist() == [[0, 0, 60, 9]] and found["nothing"] is None


@pytest.mark.processes
@pytest.mark.parametrize(
    "answer",
    ["'[1]'", "'{'", '\'{"mug": {"boxes": [[0, 0, 1, 1]], "scores": []}}\'', "'{\"mug\": 1}'"],
)
def test_answers_that_are_no_boxes_are_one_sentence(tmp_path, answer):
    detector = ProgramDetector(program(tmp_path, answer), 60, persistent=False)
    with pytest.raises(ExternalFault, match=r"the part detector: boxes\.json"):
        detector.detect(COLOR, ["mug"])


def test_boxes_are_cut_off_at_the_rim_and_those_outside_are_none():
    found = inside(FoundBoxes([(-1, 2, 70, 50), (70, 0, 80, 9)], [0.4, 0.9]), 60, 40)
    assert found.boxes.tolist() == [[0, 2, 60, 40]] and found.scores.tolist() == [0.4]
    assert inside(FoundBoxes([(70, 0, 80, 9)], [0.9]), 60, 40) is None
    with pytest.raises(InvalidInput):
        inside(FoundBoxes([(0, 0, float("nan"), 9)], [0.9]), 60, 40)


@pytest.mark.parametrize("write", [write_owlv2, write_grounding_dino])
def test_networks_of_transformers_are_asked_in_words(tmp_path, write):
    write(tmp_path)
    color = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    found = ZeroShotDetector(str(tmp_path)).detect(color, ["mug handle", "knife.mug"])
    assert found.keys() == {"mug handle", "knife.mug"}
    for each in found.values():
        assert len(each.scores) > 1 and (each.boxes[:, 3] <= 60).all()
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        ZeroShotDetector(str(tmp_path))
    with pytest.raises(InvalidInput, match="neither a folder nor OWNER/NAME"):
        ZeroShotDetector("owlv2")


@pytest.mark.processes
def test_the_command_writes_what_pseudo_labels_reads(split, tmp_path, capsys):
    data, prompts = str(split.folder.parent), tmp_path / "prompts.yaml"
    prompts.write_text(yaml.safe_dump(PROMPTS))
    words = ["detect-boxes", data, "--program", program(tmp_path), "--prompts", str(prompts)]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"images": 18, "without_part": 0}
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["pseudo-labels", data, "--masker", "box", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
