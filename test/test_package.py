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

import affordance_grasp
from affordance_grasp.extras import PACKAGES

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKED, MODULES = ("README.md", "LICENSE"), ("__init__.py", "py.typed")
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


def names(requirements: list[str]) -> set[str]:
    bare = {re.split(r"[<=; \[]", line)[0].lower().replace("_", "-") for line in requirements}
    return bare - {"affordance-grasp"}


def test_the_lock_holds_everything_that_was_asked_for():
    extras = PROJECT["optional-dependencies"]
    asked = [*requirement_lines("packages.in"), *PROJECT["dependencies"]]
    for extra in sorted(extras.keys() - {"all", "view", "cluster"}):  # in no test
        asked += extras[extra]
    assert len(names(asked)) > 30
    assert not names(asked) - names(requirement_lines("packages.txt"))


def test_the_extra_all_is_every_extra_of_a_user():
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    listed = set(re.search(r"\[(.+)\]", everything).group(1).split(","))
    assert listed == extras.keys() - {"all", "dev"}


def test_an_extra_brings_every_package_that_its_message_names():
    extras = PROJECT["optional-dependencies"]
    for package, extra in PACKAGES.values():
        assert package in {line.split(" ")[0] for line in extras[extra]}, (package, extra)


def test_both_manifests_tell_the_same():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.findtext("name") == PROJECT["name"]
    assert package.findtext("version") == affordance_grasp.__version__
    assert package.findtext("license") == PROJECT["license"]
    assert " ".join(package.findtext("description").split()) == PROJECT["description"]


def test_the_version_stands_in_every_file_that_is_published():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.findall(
        r"^(\d+\.\d+\.\d+) \(", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE
    )
    assert affordance_grasp.__version__ == citation["version"] == released[0]


def test_every_paper_that_is_cited_has_its_bibtex():
    papers = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    bibtex = (ROOT / "docs" / "citing.md").read_text()
    assert len(papers) == 3
    for paper in papers:
        assert f"{{{paper['title']}}}" in bibtex
        assert all(author["family-names"] in bibtex for author in paper["authors"])
        assert paper["url"] in bibtex


def test_a_source_archive_holds_everything_that_is_installed(tmp_path):
    pytest.importorskip("setuptools", reason="no setuptools here: nothing can be packed")
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "package.xml", *PACKED):
        shutil.copy(ROOT / name, tmp_path)
    module = tmp_path / "affordance_grasp"
    module.mkdir()
    for name in MODULES:
        shutil.copy(ROOT / "affordance_grasp" / name, module)
    installed = {"package.xml", *PACKED, *(f"affordance_grasp/{name}" for name in MODULES)}
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
