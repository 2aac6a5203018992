"""The robot's description without the camera that a calibration places."""

from xml.etree import ElementTree

import pytest

from affordance_grasp.control.robot_description import CAMERA_FRAMES, description, without_camera
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path


def frames(urdf):
    return {link.get("name") for link in ElementTree.fromstring(urdf).iter("link")}


def joints(urdf):
    return {joint.get("name") for joint in ElementTree.fromstring(urdf).iter("joint")}


@pytest.fixture(scope="module")
def urdf():
    return description(share_path("config/aubo_i5.yaml"))


def test_only_the_camera_is_gone(urdf):
    cut = without_camera(urdf)
    assert frames(urdf) - frames(cut) == set(CAMERA_FRAMES)
    assert joints(urdf) - joints(cut) == {"camera_mount_joint", "camera_color_optical_joint"}
    assert {"tool0", "tcp", "base_link"} <= frames(cut)


def test_nothing_hangs_on_a_frame_that_is_gone(urdf):
    cut = without_camera(urdf)
    for joint in ElementTree.fromstring(cut).iter("joint"):
        assert joint.find("parent").get("link") in frames(cut)
        assert joint.find("child").get("link") in frames(cut)


def test_a_robot_without_a_camera_stays_as_it_is():
    assert frames(without_camera('<robot name="r"><link name="base_link"/></robot>')) == {
        "base_link"
    }


def test_a_robot_without_a_urdf_is_refused(tmp_path):
    (tmp_path / "arm.yaml").write_text("base_frame: base_link\n")
    with pytest.raises(InvalidInput, match="names no urdf"):
        description(tmp_path / "arm.yaml")
