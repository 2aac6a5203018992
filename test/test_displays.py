"""RViz and Foxglove are told of topics and frames that exist, in words that they know."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
# From plugins_description.xml of rviz_default_plugins and rviz_common.
RVIZ_DISPLAYS = {"DepthCloud", "Grid", "Image", "MarkerArray", "Pose", "RobotModel", "TF"}
RVIZ_TOOLS = {"FocusCamera", "Interact", "Measure", "MoveCamera", "PublishPoint", "Select"}
RVIZ_PANELS = {"Displays", "Selection", "Time", "Tool Properties", "Views"}
FOXGLOVE_PANELS = {"3D", "Image", "DiagnosticSummary", "RawMessages", "RosOut"}
# Topics of others: the robot's description comes from robot_state_publisher.
FOREIGN = {"/robot_description"}


@pytest.fixture(scope="module")
def rviz():
    return yaml.safe_load((ROOT / "config" / "grasp.rviz").read_text())


@pytest.fixture(scope="module")
def foxglove():
    return json.loads((ROOT / "config" / "foxglove.json").read_text())


@pytest.fixture(scope="module")
def published():
    """Every topic that a node of the package publishes, as the sources name them."""
    sources = "\n".join(p.read_text() for p in (ROOT / "affordance_grasp").rglob("*.py"))
    names = dict(re.findall(r'^([A-Z_]+) = "([a-z_/]+)"', sources, re.MULTILINE))
    camera = re.search(r'COLOR, DEPTH, INFO = "(.+)", "(.+)", "(.+)"', sources).groups()
    names |= dict(zip(("COLOR", "DEPTH", "INFO"), camera, strict=True))
    calls = re.findall(r'publish_to\(\s*\w+,\s*\w+,\s*(?:"([a-z_/]+)"|([A-Z_]+))', sources)
    topics = {literal or names[constant] for literal, constant in calls}
    return {topic if topic.startswith("/") else f"/{topic}" for topic in topics} | FOREIGN


def displays(rviz):
    return rviz["Visualization Manager"]["Displays"]


def topics_of_rviz(rviz):
    for display in displays(rviz):
        for key, value in display.items():
            if key in ("Topic", "Description Topic"):
                yield value["Value"]
            elif key.endswith(" Topic"):
                yield value


def test_rviz_knows_every_class(rviz):
    manager = rviz["Visualization Manager"]
    assert {d["Class"] for d in displays(rviz)} <= {
        f"rviz_default_plugins/{d}" for d in RVIZ_DISPLAYS
    }
    assert {t["Class"] for t in manager["Tools"]} <= {
        f"rviz_default_plugins/{t}" for t in RVIZ_TOOLS
    }
    assert {p["Class"] for p in rviz["Panels"]} <= {f"rviz_common/{p}" for p in RVIZ_PANELS}
    assert manager["Views"]["Current"]["Class"] == "rviz_default_plugins/Orbit"


def test_rviz_shows_what_is_published(rviz, published):
    shown = set(topics_of_rviz(rviz))
    assert shown <= published
    wanted = {"/color/image_raw", "/heatmap/overlay", "/grasp_markers", "/robot_description"}
    assert wanted <= shown
    assert {"DepthCloud", "RobotModel"} <= {d["Class"].split("/")[1] for d in displays(rviz)}


def test_rviz_reads_images_best_effort_and_the_rest_latched(rviz):
    for display in displays(rviz):
        quality = display.get("Topic") or display.get("Description Topic")
        if display["Class"].endswith("/Image"):
            assert quality["Reliability Policy"] == "Best Effort"
        elif quality:
            assert quality["Durability Policy"] == "Transient Local"


def test_the_fixed_frame_is_the_robots_base(rviz):
    robot = yaml.safe_load((ROOT / "config" / "aubo_i5.yaml").read_text())
    options = rviz["Visualization Manager"]["Global Options"]
    assert options["Fixed Frame"] == robot["base_frame"]


def panels_of(layout):
    if isinstance(layout, str):
        return [layout]
    assert layout["direction"] in ("row", "column")
    assert 0 < layout["splitPercentage"] < 100
    return panels_of(layout["first"]) + panels_of(layout["second"])


def test_every_foxglove_panel_is_placed_once_and_configured(foxglove):
    placed = panels_of(foxglove["layout"])
    assert sorted(placed) == sorted(foxglove["configById"])
    assert {name.split("!")[0] for name in placed} <= FOXGLOVE_PANELS
    assert set(foxglove) == {
        "configById",
        "globalVariables",
        "userNodes",
        "playbackConfig",
        "layout",
    }


def test_foxglove_shows_what_is_published(foxglove, published):
    shown = set()
    for config in foxglove["configById"].values():
        shown |= set(config.get("topics", {}))
        mode = config.get("imageMode", {})
        shown |= {mode[key] for key in ("imageTopic", "calibrationTopic") if key in mode}
        shown |= {
            config[key].split(".")[0] for key in ("topicToRender", "topicPath") if key in config
        }
    assert shown <= published
    assert {"/color/image_raw", "/heatmap/overlay", "/grasp_markers"} <= shown
