from xml.etree import ElementTree

import numpy as np
import pytest

from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.choice.families import load_recogniser
from affordance_grasp.cli import main
from affordance_grasp.commands.grasping import experiment as experiment_command
from affordance_grasp.commands.grasping.experiment import PAPER_OBJECTS, ExperimentOptions
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Heatmap
from affordance_grasp.errors import UnknownName
from affordance_grasp.experiment.causes import Cause
from affordance_grasp.experiment.chart import WIDTH, success_chart
from affordance_grasp.experiment.picking import Album, run_trial
from affordance_grasp.experiment.summary import summarise
from affordance_grasp.experiment.tables import (
    as_csv,
    cause_table,
    difference_table,
    report,
    success_table,
)
from affordance_grasp.experiment.trials import Trial, TrialResult, make_trials
from affordance_grasp.pipeline import Planner
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.simulation.objects import TRIAL_SEED_START


class FlatGrounder:
    """Everything is equally hot."""

    def ground(self, color, query, region=None):
        values = np.ones(color.shape[:2], np.float32)
        return Heatmap(values, values, query, "hold", "flat", 0.0)


class ColdGrounder(FlatGrounder):
    """Nothing is hot."""

    def ground(self, color, query, region=None):
        values = np.zeros(color.shape[:2], np.float32)
        return Heatmap(values, values, query, "hold", "cold", 0.0)


def places(trials, way):
    return [(t.family, t.object_seed, t.placement_seed) for t in trials if t.way == way]


def test_every_way_gets_the_same_objects_in_the_same_places():
    trials = make_trials(PAPER_OBJECTS, range(5), ["hold"], ["bands", "quality"])
    assert len(trials) == 2 * 8 * 5
    assert places(trials, "bands") == places(trials, "quality")
    assert len(set(places(trials, "bands"))) == 40
    assert min(t.object_seed for t in trials) >= TRIAL_SEED_START


def test_only_what_asks_for_a_heatmap_is_done_once_per_method():
    ways, methods = ["bands", "argmax", "quality", "exact"], ["plsp", "looptrans"]
    trials = make_trials(["mug"], range(1), ["hold"], ways, methods)
    assert [t.column for t in trials] == [
        "plsp bands",
        "looptrans bands",
        "plsp argmax",
        "looptrans argmax",
        "quality",
        "exact",
    ]
    assert [t.rule for t in trials] == [*["bands"] * 2, *["argmax"] * 2, "quality", "bands"]


def test_every_method_has_a_planner_of_its_own_and_what_needs_no_heatmap_shares_one():
    def planned(*rules, **more):
        of_methods = ExperimentOptions(rules=rules, **more).of_methods()
        return {name: (each.method, each.rule) for name, each in of_methods.items()}

    assert planned("exact", "quality") == {"": ("plsp", "quality")}
    assert planned("argmax") == {"plsp": ("plsp", "bands")}
    assert planned("bands", "exact", compare=("looptrans",)) == {
        "plsp": ("plsp", "bands"),
        "looptrans": ("looptrans", "bands"),
        "": ("plsp", "quality"),
    }


def test_an_object_that_no_query_makes_sense_for_is_refused():
    with pytest.raises(UnknownName, match="mug"):
        make_trials(["mug"], range(1), ["cut_with"], ["bands"])
    trials = make_trials(["mug", "knife"], range(1), ["cut_with", "pour"], ["bands"])
    assert [(t.family, t.affordance) for t in trials] == [("mug", "pour"), ("knife", "cut_with")]


def test_in_clutter_the_query_names_the_object_among_three_to_six_things():
    trials = make_trials(["pressure_cooker"], range(8), ["hold"], ["bands"], clutter=True)
    assert {t.query for t in trials} == {"hold the pressure cooker"}
    assert [1 + t.others for t in trials] == [3, 4, 5, 6, 3, 4, 5, 6]
    (alone,) = make_trials(["mug"], range(1), ["hold"], ["bands"])
    assert (alone.query, alone.others) == ("hold", 0)


def test_success_needs_the_lift_and_the_part():
    trial = Trial("mug", 0)
    assert TrialResult(trial, lifted=True, by_part=True).success
    assert not TrialResult(trial, lifted=True, by_part=False).success
    assert not TrialResult(trial, lifted=False, by_part=True).success


@pytest.fixture
def summary():
    def result(family, pose, way, *successes, cause=Cause.NONE, **more):
        return TrialResult(Trial(family, pose, way=way), *successes, cause, **more)

    return summarise(
        [
            result("mug", 0, "bands", True, True, timings_ms={"total": 100.0}),
            result("mug", 1, "bands", True, True, timings_ms={"total": 300.0}),
            result("mug", 0, "quality", True, False, cause=Cause.WRONG_PART),
            result("mug", 1, "quality", False, False, cause=Cause.SLIPPED),
            result("pan", 0, "bands", False, False, cause=Cause.NO_IK, fault="no"),
            result("pan", 0, "quality", True, True),
        ]
    )


def test_summary_and_table_count_by_way_and_object(summary):
    assert summary["ways"]["bands"] == {
        "trials": 3,
        "lifted": 2,
        "aimed_right": 0,
        "success": 2,
        "interval": [0.2077, 0.9385],
        "causes": {"no IK": 1},
        "turned_deg_p95": 0.0,
        "plan_ms_median": 200.0,
        "plan_ms_p95": 290.0,
    }
    text = success_table(summary)
    assert text.startswith("| object | bands | without affordance |\n|---|---|---|\n")
    assert "| mug | 2/2 (2 lifted) | 0/2 (1 lifted) |" in text
    assert "| **all** | **2/3 (2 lifted)** | **1/3 (2 lifted)** |" in text
    assert "| 95 % | 21 to 94 | 6 to 79 |" in text


def test_the_chart_has_a_dot_and_a_whisker_for_every_object_and_way(summary):
    drawing = ElementTree.fromstring(success_chart(summary))
    svg = "{http://www.w3.org/2000/svg}"
    words = [each.text for each in drawing.iter(f"{svg}text")]
    assert {"mug", "pan", "all", "bands", "without affordance", "100 %"} <= set(words)
    dots = [(float(e.get("cx")), e.get("fill")) for e in drawing.iter(f"{svg}circle")]
    assert len(dots) == 2 + 3 * 2  # the legend, and every object and all
    mug_bands, mug_quality = dots[2:4]
    assert mug_bands[0] - mug_quality[0] == WIDTH  # 2 of 2 and 0 of 2
    assert mug_bands[1] != mug_quality[1]


def test_a_way_is_set_against_the_picks_without_affordance_scene_by_scene(summary):
    whole, hard = summary["differences"]
    assert (whole["over"], whole["pairs"], whole["only_first"], whole["only_second"]) == (
        *("all", 3),
        *(2, 1),
    )
    assert (hard["over"], hard["pairs"], hard["difference"]) == ("hard", 2, 1.0)
    assert "| bands | 3 | +33 | -58 to 88 | 2 / 1 | 1 |" in difference_table(summary)


def test_causes_are_counted_and_trials_are_rows(summary):
    assert cause_table(summary).splitlines()[2:] == [
        "| no IK | 1 | 0 |",
        "| wrong part | 0 | 1 |",
        "| slipped | 0 | 1 |",
    ]
    assert report(summary).count("\n\n") == 2
    head, first, *_ = as_csv(summary).splitlines()
    assert head.startswith("way,family,pose,query,success,lifted,cause,aimed_at,aimed_right,")
    assert first.startswith("bands,mug,0,hold,True,True,,,False,")


@pytest.fixture(scope="module")
def planners():
    robot = load_robot(speed_scaling=0.6)
    generator = make_generator("antipodal", robot.gripper)
    asked = {"flat": FlatGrounder(), "cold": ColdGrounder(), "": None}
    return {
        name: Planner(PlanningOptions(), robot, grounder, generator, load_recogniser())
        for name, grounder in asked.items()
    }


def test_one_trial_lifts_a_screwdriver_and_says_what_it_holds(tmp_path, planners):
    trial = Trial("screwdriver", 0, way="quality")
    result = run_trial(planners, trial, Album(tmp_path, "all"))
    assert result.fault == ""
    assert result.lifted
    assert result.by_part == (set(result.parts_held) <= {"handle"})
    assert result.aimed_at in {f"object/{part}" for part in result.parts_held}
    assert result.aimed_right == (result.aimed_at == "object/handle")
    assert (result.cause is Cause.NONE) == result.success
    assert 0 < result.turned_deg < 60
    assert result.timings_ms["total"] > 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "quality_screwdriver_hold_0.png",
        "quality_screwdriver_hold_0_end.png",
    }


def test_who_knows_the_part_takes_the_named_mug_by_its_handle_among_others(tmp_path, planners):
    trial = Trial("mug", 0, way="exact", clutter=True)
    result = run_trial(planners, trial, Album(tmp_path))
    assert result.success and result.aimed_right and result.aimed_at == "object/handle"
    assert list(tmp_path.iterdir()) == []  # pictures of failures alone


def test_a_trial_in_which_nothing_is_hot_moves_nothing_and_says_why(planners):
    result = run_trial(planners, Trial("mug", 0, method="cold"))
    assert not result.success
    assert result.fault == f"none of {sum(result.rejected.values())} grasps can be taken: " + (
        ", ".join(f"{count} {reason}" for reason, count in result.rejected.items())
    )
    assert set(result.rejected) == {"cold"}
    assert result.cause is Cause.COLD


def test_an_experiment_in_which_there_is_no_grasp_at_all_has_failed(monkeypatch, tmp_path, capsys):
    fault = "no grasp was proposed"

    def pick_all(trials, options, folder):
        return summarise([TrialResult(trial, False, False, fault=fault) for trial in trials])

    monkeypatch.setattr(experiment_command, "_pick_all", pick_all)
    words = ["experiment", "--objects", "mug", "--rules", "bands", "--poses", "3"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "\n3 of 3 picks had no grasp: no grasp was proposed" in said and "0/3" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "/dev/null/x"], "cannot be written"),
        (["--objects", "spaceship"], "spaceship"),
        (["--query", "cut_with", "--objects", "mug"], "mug"),
        (["--poses", "0"], "--poses is '0'; it must be a whole number >= 1"),
        (
            ["--rules", "best"],
            "'best'; known: bands, argmax, quality, exact",
        ),
        (["--compare", "dino"], "unknown method 'dino'"),
        (["--clutter", "--neighbours", "2"], "give one of them"),
        (["--checkpoint", "nowhere.safetensors"], "does not exist"),
    ],
)
def test_bad_arguments_are_one_sentence_before_anything_runs(arguments, sentence, capsys):
    assert main(["experiment", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
