import sys
from pathlib import Path

import pytest

from affordance_grasp.errors import EnvironmentFault, InvalidInput
from affordance_grasp.report.cloud_view import check_view


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_no_display_and_no_image_is_a_sentence(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EnvironmentFault, match="needs a display"):
        check_view(None)
    monkeypatch.setenv("DISPLAY", ":0")
    check_view(None)


def test_another_kind_of_image_is_refused():
    with pytest.raises(InvalidInput, match=r"as \.png"):
        check_view(Path("view.jpg"))
    check_view(Path("view.PNG"))
