"""What ``import affordance_grasp`` offers, and what it costs."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import affordance_grasp
from affordance_grasp.errors import MissingPackage

SOURCE = Path(affordance_grasp.__file__).read_text()
HEAVY = {"numpy", "scipy", "cv2", "torch", "mujoco", "yaml", "PIL", "msgspec"}


def run(script: str) -> str:
    words = [sys.executable, "-c", script]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", affordance_grasp.__all__)
def test_everything_that_is_offered_is_there(name):
    offered = getattr(affordance_grasp, name)
    module = import_module(f"affordance_grasp.{affordance_grasp._MODULE_OF[name]}")
    assert getattr(module, name) is offered
    assert getattr(offered, "__module__", module.__name__) in (module.__name__, "typing")
    assert name in dir(affordance_grasp)


def test_the_type_checker_sees_the_same_names_in_the_same_modules():
    (guarded,) = (node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{statement.module}.{alias.name}"
        for statement in guarded.body
        for alias in statement.names
    }
    offered = {
        name: f"affordance_grasp.{module}.{name}"
        for module, names in affordance_grasp._CONTENTS.items()
        for name in names
    }
    assert seen == offered


def test_importing_the_package_loads_nothing_heavy():
    loaded = run("import sys, affordance_grasp; print(*sys.modules)").split()
    assert "affordance_grasp" in loaded
    assert not HEAVY & set(loaded)


def test_a_pick_is_planned_without_torch():
    script = """
import sys
from affordance_grasp import load_robot, plan_grasps, plan_pick, read_frame, write_report
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import AFFORDANCES
resolve_query("grab it", AFFORDANCES)
print(*sys.modules)
"""
    loaded = run(script).split()
    assert "torch" not in loaded
    assert "mujoco" not in loaded


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'grasp_anything'"):
        affordance_grasp.grasp_anything  # noqa: B018


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(affordance_grasp._MODULE_OF, "asked", "not_there")
    broken = ModuleNotFoundError("no torch", name="torch.nn")
    monkeypatch.setattr(affordance_grasp, "import_module", lambda name: _raise(broken))
    with pytest.raises(MissingPackage, match=r"asked needs .* torch.*affordance_grasp\[ground\]"):
        affordance_grasp.asked  # noqa: B018
    other = ModuleNotFoundError("no such", name="no_such")
    monkeypatch.setattr(affordance_grasp, "import_module", lambda name: _raise(other))
    with pytest.raises(ModuleNotFoundError, match="no such"):
        affordance_grasp.asked  # noqa: B018


def _raise(error: Exception) -> None:
    raise error
