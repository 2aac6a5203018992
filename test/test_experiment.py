import numpy as np
import pytest

from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.cli import main
from affordance_grasp.commands import experiment as experiment_command
from affordance_grasp.commands.experiment import PAPER_OBJECTS
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Heatmap
from affordance_grasp.errors import UnknownName
from affordance_grasp.experiment import (
    Trial,
    TrialResult,
    make_trials,
    run_trial,
    summarise,
    table,
)
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


def test_every_rule_gets_the_same_objects_in_the_same_places():
    trials = make_trials(PAPER_OBJECTS, 5, "hold", ["bands", "quality"])
    assert len(trials) == 2 * 8 * 5
    with_heat = [(t.family, t.object_seed, t.placement_seed) for t in trials[:40]]
    without = [(t.family, t.object_seed, t.placement_seed) for t in trials[40:]]
    assert with_heat == without
    assert len(set(with_heat)) == 40
    assert min(t.object_seed for t in trials) >= TRIAL_SEED_START


def test_an_object_that_the_query_makes_no_sense_for_is_refused():
    with pytest.raises(UnknownName, match="mug"):
        make_trials(["mug"], 1, "cut_with", ["bands"])


def test_success_needs_the_lift_and_the_part():
    trial = Trial("mug", 0)
    assert TrialResult(trial, lifted=True, by_part=True).success
    assert not TrialResult(trial, lifted=True, by_part=False).success
    assert not TrialResult(trial, lifted=False, by_part=True).success


def test_summary_and_table_count_by_rule_and_object():
    results = [
        TrialResult(Trial("mug", 0), True, True, timings_ms={"total": 100.0}),
        TrialResult(Trial("mug", 1), True, False, timings_ms={"total": 300.0}),
        TrialResult(Trial("mug", 0, rule="quality"), True, False),
        TrialResult(Trial("pan", 0), False, False, fault="no"),
        TrialResult(Trial("pan", 0, rule="quality"), False, False),
    ]
    summary = summarise(results)
    assert summary["rules"]["bands"] == {
        "trials": 3,
        "lifted": 2,
        "success": 1,
        "plan_ms_median": 200.0,
    }
    assert summary["objects"]["mug"]["quality"]["lifted"] == 1
    text = table(summary)
    assert "| mug | 1/2 (2 lifted) | 0/1 (1 lifted) |" in text
    assert "| **all** | **1/3 (2 lifted)** | **0/2 (1 lifted)** |" in text
    assert "heatmap, bands | without affordance" in text


def test_one_trial_lifts_a_screwdriver_and_says_what_it_holds(tmp_path):
    robot = load_robot(speed_scaling=0.6)
    trial = Trial("screwdriver", 0, rule="quality")
    generator = make_generator("antipodal", robot.gripper)
    planner = Planner(PlanningOptions(), robot, FlatGrounder(), generator)
    result = run_trial(planner, trial, tmp_path)
    assert result.fault == ""
    assert result.lifted
    assert result.by_part == (set(result.parts_held) <= {"handle"})
    assert result.timings_ms["total"] > 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "quality_screwdriver_0.png",
        "quality_screwdriver_0_lifted.png",
    }


def test_a_trial_in_which_nothing_is_hot_moves_nothing_and_says_why():
    robot = load_robot()
    generator = make_generator("antipodal", robot.gripper)
    planner = Planner(PlanningOptions(), robot, ColdGrounder(), generator)
    result = run_trial(planner, Trial("mug", 0))
    assert not result.success
    assert result.fault == f"none of {sum(result.rejected.values())} grasps can be taken: " + (
        ", ".join(f"{count} {reason}" for reason, count in result.rejected.items())
    )
    assert set(result.rejected) == {"cold"}


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
        (["--checkpoint", "nowhere.safetensors"], "does not exist"),
    ],
)
def test_bad_arguments_are_one_sentence_before_anything_runs(arguments, sentence, capsys):
    assert main(["experiment", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
