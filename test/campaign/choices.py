"""``python -m campaign.choices``: is the object chosen that a query names?

Scenes of up to seven objects that the families' file was not learnt from, as the wrist camera sees
them. Three questions for each: an object that stands there once, by its name; one that is not
there; and a verb that nothing of what stands there serves.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from affordance_grasp.choice.chosen import Choice, choose, look, read_intent
from affordance_grasp.choice.families import Recogniser, load_recogniser
from affordance_grasp.choice.instances import Instance
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.errors import AffordanceGraspError, AmbiguousObject, NotServed
from affordance_grasp.learning.families import FamilyScene, Photographed, photograph
from affordance_grasp.scene.cloud import segment_scene
from affordance_grasp.simulation.objects import FAMILIES, TRIAL_SEED_START

VERBS = ("cut with", "drink with", "stir", "pour", "brush with")


def named(family: str) -> str:
    """A family in words."""
    return family.replace("_", " ")


def outcome(choice: Callable[[], Choice], right: Callable[[Choice], bool]) -> str:
    """``right``, ``wrong``, ``asked`` or ``refused``."""
    try:
        return "right" if right(choice()) else "wrong"
    except AmbiguousObject:
        return "asked"
    except NotServed:
        return "refused"


def ask(
    robot: RobotConfig, recogniser: Recogniser, scene: FamilyScene
) -> list[tuple[str, str, str]]:
    """Question, outcome and query of every question that a scene allows."""
    seen = photograph(robot, scene.drawn, scene.seed, scene.first_object)
    instances = look(seen.frame, segment_scene(seen.frame), recogniser)
    standing = [each.household_object.family for each in seen.crowd]
    rng = np.random.default_rng([scene.seed, 17])
    there = str(rng.choice([family for family in standing if standing.count(family) == 1]))
    absent = str(rng.choice([family for family in FAMILIES if family not in standing]))
    knowledge = recogniser.knowledge

    def of(family: str) -> Callable[[Choice], bool]:
        return lambda choice: all(_family(seen, i) == family for i in choice.among)

    def chosen(query: str) -> Callable[[], Choice]:
        return lambda: choose(read_intent(query), instances, knowledge)

    asked = [("named", f"hold the {named(there)}", of(there))]
    asked.append(("absent", f"hold the {named(absent)}", lambda choice: False))
    for verb in VERBS:
        served = {f for f in standing if verb.replace(" ", "_") in knowledge.serves[f]}

        def serves(choice: Choice, served: frozenset[str] = frozenset(served)) -> bool:
            return all(_family(seen, i) in served for i in choice.among)

        asked.append(("verb" if served else "verb not served", verb, serves))
    return [(kind, outcome(chosen(query), right), query) for kind, query, right in asked]


def _family(seen: Photographed, instance: Instance) -> str:
    return seen.family_at(instance.centre_cam)


def main(words: Sequence[str] | None = None) -> int:
    """Print how often each question was answered how."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=5000, help="first scene")
    parser.add_argument("--scenes", type=int, default=200)
    options = parser.parse_args(words)
    robot, recogniser = load_robot(), load_recogniser()
    counts: Counter[tuple[str, str]] = Counter()
    for seed in range(options.first, options.first + options.scenes):
        try:
            asked = ask(robot, recogniser, FamilyScene(seed, TRIAL_SEED_START))
        except AffordanceGraspError as error:
            print(f"{seed}: {error}", flush=True)
            continue
        for kind, answer, query in asked:
            counts[kind, answer] += 1
            if answer == "wrong":
                print(f"{seed}: wrong object for {query!r} ({kind})", flush=True)
    for kind in dict.fromkeys(kind for kind, _ in counts):
        answers = {answer: n for (k, answer), n in counts.items() if k == kind}
        print(f"{kind}: {answers} of {sum(answers.values())}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
