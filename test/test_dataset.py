"""The simulated data set: layout, splits, ground truth, determinism."""

import json
from collections import defaultdict
from dataclasses import replace

import cv2
import numpy as np
import pytest

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.errors import InvalidInput
from affordance_grasp.query.vocabulary import AFFORDANCES
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.dataset.detector import SimulatedDetector
from affordance_grasp.simulation.dataset.functional_parts import FUNCTIONAL_PARTS, affordances_of
from affordance_grasp.simulation.dataset.jobs import (
    UNSEEN_FAMILIES,
    UNSEEN_SPLIT_AFFORDANCES,
    Job,
    Kind,
    annotate,
    object_seed,
    plan,
    render_job,
)
from affordance_grasp.simulation.dataset.writer import detect, simulate
from affordance_grasp.simulation.objects import FAMILIES, FIRST_FAMILIES, TRIAL_SEED_START

SMALL = DatasetConfig(seed=3, ego_per_object=1, exo_per_pair=1, test_per_object=1, size=96)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of a few families: all jobs of three of them."""
    folder = tmp_path_factory.mktemp("data") / "set"
    families = {"knife", "scissors", "mug"}
    with pytest.MonkeyPatch.context() as patch:
        jobs = [job for job in plan(SMALL) if job.family in families]
        patch.setattr("affordance_grasp.simulation.dataset.writer.plan", lambda _: jobs)
        manifest = simulate(folder, SMALL, workers=1, progress=False)
    return folder, manifest


def test_objects_of_test_images_and_trials_are_never_trained_on():
    seeds = defaultdict(set)
    for job in plan(DatasetConfig()):
        seeds[job.kind].add((job.family, object_seed(DatasetConfig(), job)))
    assert not seeds[Kind.TEST] & (seeds[Kind.EGO] | seeds[Kind.EXO])
    assert not seeds[Kind.EGO] & seeds[Kind.EXO]
    assert max(seed for kind in Kind for _, seed in seeds[kind]) < TRIAL_SEED_START


def test_plan_has_the_counts_that_were_asked_for():
    config = DatasetConfig(ego_per_object=7, exo_per_pair=6, test_per_object=3)
    counts = defaultdict(int)
    for job in plan(config):
        counts[job.kind, job.family, job.affordance] += job.count
    assert all(counts[Kind.EGO, f, ""] == 7 and counts[Kind.TEST, f, ""] == 3 for f in FAMILIES)
    for affordance, families in FUNCTIONAL_PARTS.items():
        assert all(counts[Kind.EXO, family, affordance] == 6 for family in families)


def test_without_further_verbs_the_plan_is_that_of_the_first_release():
    config = DatasetConfig(verbs="agd20k")
    jobs = plan(config)
    assert {job.family for job in jobs} == set(FIRST_FAMILIES)
    assert {job.affordance for job in jobs} == {
        a for a in FUNCTIONAL_PARTS if a in AFFORDANCES
    } | {""}
    assert set(jobs) < set(plan(DatasetConfig()))
    mug = next(j for j in jobs if (j.family, j.affordance) == ("mug", "wash"))
    assert mug.instance == 12 * 500  # the thirteenth verb: the seeds of a verb's objects are kept


def test_further_verbs_leave_the_images_of_the_first_families_as_they_were():
    """A hammer's head became a part of its own; the bowl got a name for what it had."""
    for job in (Job(Kind.EGO, "hammer", 0, 0, 3), Job(Kind.TEST, "bowl", 2, 60, 2)):
        before, after = (
            {r.filed.number: r for r in render_job(replace(SMALL, verbs=verbs), job)}
            for verbs in ("agd20k", "all")
        )
        for number, old in before.items():
            new = after[number]
            assert (new.jpeg, new.whole, new.filed.boxes) == (old.jpeg, old.whole, old.filed.boxes)
            assert set(old.filed.affordances) < set(new.filed.affordances)
            assert dict(old.heatmaps).items() <= dict(new.heatmaps).items()


def test_unseen_split_trains_on_other_families_and_tests_known_affordances():
    for job in plan(DatasetConfig(splits=("Unseen",))):
        assert (job.family in UNSEEN_FAMILIES) == (job.kind is Kind.TEST)
    trained = {a for f in FAMILIES if f not in UNSEEN_FAMILIES for a in affordances_of(f)}
    assert set(UNSEEN_SPLIT_AFFORDANCES) <= trained


def test_images_depend_on_the_seed_only():
    job = Job(Kind.EXO, "mug", 0, 0, 1, "hold")
    first, again = render_job(SMALL, job)[0], render_job(SMALL, job)[0]
    other = render_job(DatasetConfig(seed=4, size=96), job)[0]
    assert first == again
    assert first.jpeg != other.jpeg


def test_layout_is_that_of_agd20k(data):
    folder, manifest = data
    knife = folder / "Seen/trainset/egocentric/cut_with/knife/knife_000000.jpg"
    assert knife.is_file()
    assert (folder / "Seen/trainset/exocentric/hold/mug/hold_mug_000000.jpg").is_file()
    assert (folder / "Seen/testset/egocentric/hold/mug/mug_000001.jpg").is_file()
    assert manifest["files"]["Seen/trainset/exocentric"] == len(
        list(folder.glob("Seen/trainset/exocentric/*/*/*.jpg"))
    )
    same = folder / "Seen/trainset/egocentric/hold/knife/knife_000000.jpg"
    assert same.read_bytes() == knife.read_bytes()


def test_a_set_with_further_verbs_can_be_read(data):
    folder, _ = data
    split = load_split(folder, "Seen")
    assert split.affordances[-1] == "spread"
    assert split.part("spread", "knife") == "knife blade"
    assert "strike_with" not in split.affordances  # no hammer among these families
    assert split.phrases == {}  # the vocabulary knows what people say
    found = json.loads((folder / "Seen/trainset/detections.json").read_text())
    assert found["prompts"]["spread"] == {"knife": "knife blade"}
    unseen = load_split(folder, "Unseen")
    assert "spread" in {item.image.affordance for item in unseen.test}


def test_every_test_image_has_ground_truth_of_its_size(data):
    folder, _ = data
    images = sorted(folder.glob("*/testset/egocentric/*/*/*.jpg"))
    assert images
    for image in images:
        truth = cv2.imread(
            str(image).replace("/egocentric/", "/GT/").replace(".jpg", ".png"),
            cv2.IMREAD_UNCHANGED,
        )
        assert truth.dtype == np.uint8
        assert truth.shape == cv2.imread(str(image)).shape[:2]
        assert truth.max() == 255
        assert truth.min() == 0


def test_ground_truth_of_hold_and_cut_differ(data):
    folder, _ = data
    truth = folder / "Seen/testset/GT"
    hold, cut = (
        cv2.imread(str(truth / affordance / "knife/knife_000001.png"), cv2.IMREAD_UNCHANGED)
        for affordance in ("hold", "cut_with")
    )
    peak = np.unravel_index(hold.argmax(), hold.shape)
    assert cut[peak] < 128


def test_unseen_training_set_holds_no_unseen_family(data):
    folder, _ = data
    trained = {path.name for path in folder.glob("Unseen/trainset/*/*/*")}
    tested = {path.name for path in folder.glob("Unseen/testset/*/*/*")}
    assert trained == {"scissors", "mug"}
    assert tested == {"knife"}
    boxes = json.loads((folder / "detector/Unseen.json").read_text())
    assert set(boxes["ego"]) == {"scissors", "mug"}


def test_detections_are_boxes_of_the_functional_part(data):
    folder, _ = data
    detect(folder, SimulatedDetector(0, 0, 0))
    found = json.loads((folder / "Seen/trainset/detections.json").read_text())
    blade = found["parts"]["cut_with"]["scissors"]["scissors_000000.jpg"]
    whole = found["objects_ego"]["cut_with"]["scissors"]["scissors_000000.jpg"]
    exact = json.loads((folder / "detector/Seen.json").read_text())
    image = exact["ego"]["scissors"]["scissors_000000.jpg"]
    assert blade["boxes"] == [image["parts"]["blade"]]
    assert whole["boxes"] == [image["whole"]]
    assert found["prompts"]["cut_with"]["scissors"] == "scissors blade"
    assert set(found["objects_exo"]["hold"]["mug"]) == {"hold_mug_000000.jpg"}


def test_no_test_image_is_in_the_detector_files(data):
    folder, _ = data
    assert "000001.jpg" not in (folder / "detector/Seen.json").read_text()


def test_heatmap_recipe_on_one_point():
    """One impulse gives the Gaussian itself: peak 255 there, OpenCV's sigma for that kernel."""
    mask = np.zeros((90, 90), bool)
    mask[40, 50] = True
    heat = annotate(mask, np.random.default_rng(0), points=1).astype(float)
    kernel = 31  # int(90 / 3) is 30; the next odd number
    sigma = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    assert heat[40, 50] == 255
    assert heat[40, 55] == pytest.approx(255 * np.exp(-0.5 * (5 / sigma) ** 2), abs=1)
    assert heat[40, 50 + 16] == 0
    assert annotate(np.zeros((90, 90), bool), np.random.default_rng(0)).max() == 0


def test_heatmap_lies_on_the_mask():
    mask = np.zeros((120, 160), bool)
    mask[20:40, 30:80] = True
    heat = annotate(mask, np.random.default_rng(0))
    assert mask[np.unravel_index(heat.argmax(), heat.shape)]


def test_bad_arguments_are_refused(tmp_path, capsys):
    with pytest.raises(InvalidInput, match="each one of Seen, Unseen"):
        DatasetConfig(splits=("Hard",))
    with pytest.raises(
        InvalidInput, match="size is 10; it must be a whole number >= 64 and <= 800"
    ):
        DatasetConfig(size=10)
    with pytest.raises(InvalidInput, match="exo_per_pair is 0"):
        DatasetConfig(exo_per_pair=0)
    (tmp_path / "file").write_text("kept")
    assert main(["dataset", "simulate", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["dataset", "detect", str(tmp_path)]) == 2
    assert "simulate a data set first" in capsys.readouterr().err
    assert main(["dataset", "simulate", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{bad", "[]", '{"ego": {}}'])
def test_garbled_boxes_are_refused(tmp_path, capsys, content):
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / "Seen.json").write_text(content)
    assert main(["dataset", "detect", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "Seen.json" in printed and printed.count("\n") == 1
