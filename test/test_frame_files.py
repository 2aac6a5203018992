import cv2
import numpy as np
import pytest
from PIL import Image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color
from affordance_grasp.streams.frame_files import read_frame


def test_a_frame_is_read_with_its_intrinsics_and_in_metres(tmp_path):
    color = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(color).save(tmp_path / "color.png")
    depth = np.full((6, 8), 12_340, np.uint16)
    depth[0, 0] = 0
    cv2.imwrite(str(tmp_path / "depth.png"), depth)
    files = str(tmp_path / "color.png"), tmp_path / "depth.png"
    frame = read_frame(*files, (8, 9, 3.5, 2.5), depth_scale=0.0001)
    assert np.array_equal(frame.color, color)
    assert frame.depth_m[0, 0] == 0
    assert frame.depth_m[1:] == pytest.approx(1.234)
    assert frame.intrinsics.K.tolist() == [[8, 0, 3.5], [0, 9, 2.5], [0, 0, 1]]
    with pytest.raises(InvalidInput, match="3 numbers; expected fx, fy, cx, cy"):
        read_frame(*files, (8, 9, 3.5))


def test_unreadable_colour_image_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no image")
    for name in ("x.png", "missing.png"):
        with pytest.raises(InvalidInput, match=name):
            read_color(tmp_path / name)


@pytest.mark.parametrize(
    ("mode", "size", "words"),
    [("I;16", (8, 8), "more than 8 bits"), ("F", (8, 8), "more than 8 bits")]
    + [("1", (20_000, 20_000), "pixels"), ("1", (9000, 9000), "sides must be 1..8192")],
)
def test_what_is_no_photo_is_refused(tmp_path, mode, size, words):
    path = tmp_path / "x.tiff"
    Image.new(mode, size).save(path)
    with pytest.raises(InvalidInput, match=words):
        read_color(path)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK"])
def test_every_kind_of_photo_is_read_as_rgb(tmp_path, mode):
    path = tmp_path / "x.tiff"
    red = Image.new("RGB", (3, 2), (255, 0, 0)).convert(mode)
    red.save(path)
    assert np.array_equal(read_color(path), np.asarray(red.convert("RGB")))
