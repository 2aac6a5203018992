"""Where the package's own files are found, however it was installed."""

import sys
from pathlib import Path

import pytest

from affordance_grasp import share
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path

ROOT = Path(__file__).parents[1]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """As when the package lies in site-packages, with no checkout around it and no ROS."""
    monkeypatch.setattr(
        share, "__file__", str(tmp_path / "site-packages/affordance_grasp/share.py")
    )
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    monkeypatch.setattr(share, "get_path", lambda name, scheme: str(tmp_path / scheme))
    return tmp_path


def test_the_checkout_comes_first():
    assert share_path("config/aubo_i5.yaml") == ROOT / "config" / "aubo_i5.yaml"


@pytest.mark.parametrize("scheme", [share.get_default_scheme(), share.USER_SCHEME])
def test_where_pip_puts_data_files(installed, scheme):
    folder = installed / scheme / "share/affordance_grasp/config"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text("")
    assert share_path("config/x.yaml") == folder / "x.yaml"


def test_every_ros_prefix_is_looked_into(installed, monkeypatch):
    folder = installed / "second/share/affordance_grasp/config"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text("")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{installed}/first:{installed}/second")
    assert share_path("config/x.yaml") == folder / "x.yaml"


def test_a_missing_file_is_one_sentence_that_tells_where(installed):
    with pytest.raises(InvalidInput, match=f"neither here nor in the package .{installed}"):
        share_path("config/none.yaml")


def test_in_an_environment_data_lie_below_its_prefix():
    if sys.prefix == sys.base_prefix:
        pytest.skip("this Python is not a virtual environment")
    assert share.get_path("data", share.get_default_scheme()) == sys.prefix
