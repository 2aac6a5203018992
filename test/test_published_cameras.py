"""Which intrinsics a camera of an image size can have: published ones all can."""

import pytest

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput

CAMERAS = {
    # name, and where its figures are published: fx, fy, cx, cy, width, height
    "Kinect v1, TUM RGB-D freiburg1": (517.3, 516.5, 318.6, 255.3, 640, 480),
    "Kinect v1, TUM RGB-D freiburg2": (520.9, 521.0, 325.1, 249.7, 640, 480),
    "Xtion, TUM RGB-D freiburg3": (535.4, 539.2, 320.1, 247.6, 640, 480),
    "Kinect v1, NYU Depth v2 colour": (518.85790, 519.46961, 325.58245, 253.73617, 640, 480),
    "Kinect v1, NYU Depth v2 depth": (582.62449, 582.69104, 313.04476, 238.44390, 640, 480),
    "Kinect v1, LineMOD": (572.4114, 573.57043, 325.2611, 242.04899, 640, 480),
    "PrimeSense default, OpenNI": (525.0, 525.0, 319.5, 239.5, 640, 480),
    "Xtion, YCB-Video 0000-0059": (1066.778, 1067.487, 312.9869, 241.3109, 640, 480),
    "Xtion, YCB-Video 0060-0091": (1077.836, 1078.189, 323.7872, 279.6921, 640, 480),
    "RealSense D435, GraspNet-1Billion": (927.17, 927.37, 651.32, 349.62, 1280, 720),
    "Kinect Azure, GraspNet-1Billion": (631.55, 631.21, 638.43, 366.50, 1280, 720),
    "EuRoC MAV cam0": (458.654, 457.296, 367.215, 248.375, 752, 480),
    "EuRoC MAV cam1": (457.587, 456.134, 379.999, 255.238, 752, 480),
    "KITTI odometry 00, rectified": (718.856, 718.856, 607.1928, 185.2157, 1241, 376),
    "KITTI odometry 04, rectified": (707.0912, 707.0912, 601.8873, 183.1104, 1226, 370),
    "iPhone, ScanNet colour": (1170.187988, 1170.187988, 647.75, 483.75, 1296, 968),
    "Structure sensor, ScanNet depth": (571.623718, 571.623718, 319.5, 239.5, 640, 480),
    "7-Scenes default": (585.0, 585.0, 320.0, 240.0, 640, 480),
    "Replica renderings": (600.0, 600.0, 599.5, 339.5, 1200, 680),
    # by the field of view in the data sheet, square pixels and the middle
    "RealSense D455, 90 x 65 degrees": (640.0, 640.0, 639.5, 399.5, 1280, 800),
    "ZED 2, wide 110 degrees, HD720": (448.1, 448.1, 639.5, 359.5, 1280, 720),
    "Azure Kinect wide depth, 120 degrees": (295.6, 295.6, 511.5, 511.5, 1024, 1024),
    "fisheye rectified to 150 degrees": (113.6, 113.6, 423.5, 399.5, 848, 800),
    "phone's telephoto of 120 mm": (13440.0 / 4, 13440.0 / 4, 503.5, 377.5, 1008, 756),
    "720p squeezed into 640x480": (457.5, 610.0, 320.0, 240.0, 640, 480),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_a_published_camera_is_taken(name):
    assert CameraIntrinsics(*CAMERAS[name]).fx == CAMERAS[name][0]


@pytest.mark.parametrize(
    "given",
    [
        (920, 920, 640, 360, 640, 480),  # of 1280x720
        (307.5, 307.5, 160, 120, 640, 480),  # of 320x240
        (615, 615, 320, 240, 848, 480),  # of 640x480
        (920, 920, 640, 360, 848, 480),
        (1380, 1380, 960, 540, 1280, 720),
        (458, 458, 320, 180, 640, 480),  # of 640x360
        (615, 320, 615, 240, 640, 480),  # fx cx fy cy
        (320, 240, 615, 615, 640, 480),  # cx cy fx fy
        (615, 615, 240, 320, 640, 480),  # fx fy cy cx
        (0.6, 0.8, 0.5, 0.5, 640, 480),  # as shares of the image
        (1.93, 1.93, 320, 240, 640, 480),  # focal length in mm
        (615, 20, 320, 240, 640, 480),
        (6e4, 6e4, 320, 240, 640, 480),
    ],
)
def test_what_no_camera_of_that_image_size_has_is_refused_with_what_is_wrong(given):
    with pytest.raises(InvalidInput, match="order fx fy cx cy"):
        CameraIntrinsics(*given)


def test_a_part_of_an_image_may_have_its_principal_point_outside():
    assert CameraIntrinsics(615, 615, -200, 900, 64, 48, cropped=True).cx == -200
    with pytest.raises(InvalidInput, match="principal point"):
        CameraIntrinsics(615, 615, -200, 900, 64, 48)
