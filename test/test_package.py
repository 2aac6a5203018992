import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^[A-Za-z0-9_.-]+==[^\s;]+( ; .+)?$")


def requirement_lines(name: str) -> list[str]:
    lines = (ROOT / "requirements" / name).read_text().split("\n")
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def relocation():
    path = ROOT / "requirements" / "relocate_ros_wheels.py"
    spec = importlib.util.spec_from_file_location("relocate_ros_wheels", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["packages.txt", "weights.txt", "ros_jazzy.txt"])
def test_every_requirement_is_pinned_exactly(name):
    loose = [line for line in requirement_lines(name) if not PINNED.match(line)]
    assert not loose


def test_the_lock_holds_everything_that_was_asked_for():
    locked = {line.split("==")[0].lower() for line in requirement_lines("packages.txt")}
    asked = {re.split(r"[<=; ]", line)[0].lower() for line in requirement_lines("packages.in")}
    assert not {name.replace("_", "-") for name in asked} - locked


def test_what_pip_requires_is_in_the_lock():
    text = (ROOT / "setup.py").read_text()
    required = set(re.findall(r'^    "([a-z0-9_-]+)",$', text, re.MULTILINE))
    locked = {line.split("==")[0].lower() for line in requirement_lines("packages.txt")}
    assert len(required) > 10
    assert not {name.replace("_", "-") for name in required} - locked


def test_a_source_archive_holds_everything_that_is_installed(tmp_path):
    pytest.importorskip("setuptools", reason="no setuptools here: nothing can be packed")
    for name in ("setup.py", "package.xml", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path)
    installed = {"package.xml"}
    for folder in ("config", "urdf", "models", "launch"):
        (tmp_path / folder).mkdir()
        for path in (ROOT / folder).iterdir():
            if path.is_file():  # its name is enough
                (tmp_path / folder / path.name).touch()
                installed.add(f"{folder}/{path.name}")
    words = [sys.executable, "setup.py", "-q", "sdist", "--formats", "tar", "--dist-dir", "."]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar")
    with tarfile.open(archive) as content:
        packed = {name.partition("/")[2] for name in content.getnames()}
    assert installed <= packed


def test_torch_and_torchvision_come_from_one_resolve():
    assert not any("torch" in line for line in requirement_lines("weights.txt"))


def test_build_machine_paths_become_those_of_this_environment(tmp_path):
    module = relocation()
    cmake = tmp_path / "share" / "x_msgs" / "cmake" / "export.cmake"
    cmake.parent.mkdir(parents=True)
    cmake.write_text(
        'INCLUDE "/opt/python/cp311-cp311/include/python3.11;/opt/python/cp311-cp311/lib/'
        'python3.11/site-packages/numpy/_core/include;${_IMPORT_PREFIX}/include"'
    )
    assert module.relocate_prefix(tmp_path, "/py/include", "/np/include") == 1
    assert cmake.read_text() == 'INCLUDE "/py/include;/np/include;${_IMPORT_PREFIX}/include"'
    assert module.relocate_prefix(tmp_path, "/py/include", "/np/include") == 0


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("msg/*"), *ROOT.glob("srv/*"), *ROOT.glob("action/*")]), ids=str
)
def test_every_field_of_an_interface_is_commented(path):
    commented = False
    for line in path.read_text().split("\n")[1:]:
        if not line.strip() or line.startswith("---"):
            commented = False
        elif line.startswith("#"):
            commented = True
        else:
            assert commented, f"{path.name}: {line} has no comment"


def nodes_in_cmake() -> list[str]:
    found = re.search(r"foreach\(node ([a-z_ ]+)\)", (ROOT / "CMakeLists.txt").read_text())
    return found.group(1).split()


def test_every_node_module_is_installed_and_the_other_way_round():
    folder = ROOT / "affordance_grasp" / "nodes"
    with_main = {p.stem for p in folder.glob("*.py") if "\ndef main(" in p.read_text()}
    assert with_main == set(nodes_in_cmake())


def test_every_message_dependency_is_declared_in_both_places():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    declared = {element.text for element in package.iter("depend")}
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert declared == set(re.search(r"DEPENDENCIES ([a-z_ ]+)\)", cmake).group(1).split())
    assert package.find("export/build_type").text == "ament_cmake"


@pytest.mark.parametrize("name", ["grasp.yaml", "grasp_real.yaml"])
def test_parameter_file_names_only_known_nodes_and_parameters(name):
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    content = yaml.safe_load((ROOT / "config" / name).read_text())
    for key, value in content.items():
        node = key.rsplit("/", 1)[-1]
        module = importlib.import_module(f"affordance_grasp.nodes.{node}")
        kind = getattr(module, f"{node.capitalize()}Parameters")
        kind(**value["ros__parameters"])


def test_no_messages_are_kept_as_sources():
    # extend_path would find them before the generated ones.
    for folder in ("msg", "srv", "action"):
        assert not (ROOT / "affordance_grasp" / folder).exists()
