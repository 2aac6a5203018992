"""A method is a folder: it is named there and in the table, and imported when it is chosen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from affordance_grasp.errors import CheckpointError, UnknownName
from affordance_grasp.methods import table
from affordance_grasp.methods.method import find_method
from affordance_grasp.methods.recipe import find_recipe
from affordance_grasp.methods.released import find_format
from affordance_grasp.methods.table import METHODS, demo_checkpoint, methods_with

PACKAGE = Path(__file__).parents[1] / "affordance_grasp"


@pytest.mark.parametrize("method", METHODS)
def test_a_folder_builds_its_network_and_its_recipe(method):
    entry, recipe = find_method(method), find_recipe(method)
    assert entry.network.name == method
    assert entry.config().image_side == recipe.plan().side
    assert recipe.published["Seen"][0] > 0
    assert method.replace("_", "") in entry.title.lower()


@pytest.mark.parametrize("method", [name for name in METHODS if name != table.DEFAULT_METHOD])
def test_a_method_is_named_in_its_folder_and_in_the_table_alone(method):
    named = re.compile(rf"\b{find_method(method).network.__name__}|[\"'.]{method}\b")
    folder = PACKAGE / "methods" / method
    elsewhere = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if folder not in path.parents and named.search(path.read_text())
    ]
    assert elsewhere == ["methods/table.py"]


def loaded_by(statement):
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_names_are_listed_without_a_network():
    listed = "from affordance_grasp.methods import table as t; t.methods_with('released')"
    modules = loaded_by(listed)
    assert "torch" not in modules
    assert not any(f"{package}.method" in modules for package in METHODS.values())


def test_only_the_chosen_method_is_imported_and_training_stays_out():
    modules = loaded_by("from affordance_grasp.methods.method import find_method as f; f('plsp')")
    assert "affordance_grasp.methods.plsp.network" in modules
    for other in set(METHODS) - {"plsp"}:
        assert f"{METHODS[other]}.network" not in modules
    for part in ("recipe", "samples", "released", "ablation"):
        assert not any(module.endswith(f".{part}") for module in modules if "methods" in module)


def test_unknown_names_are_one_sentence(monkeypatch):
    with pytest.raises(UnknownName, match="unknown method 'magic'; known: plsp, "):
        find_method("magic")
    assert set(methods_with("recipe")) == set(METHODS)
    monkeypatch.setattr(table, "METHODS", {"streams": "affordance_grasp.streams"})
    with pytest.raises(UnknownName, match="unknown method with a module released 'streams'"):
        find_format("streams")
    with pytest.raises(
        CheckpointError, match="train one with affordance-grasp train --method str"
    ):
        demo_checkpoint("streams")
