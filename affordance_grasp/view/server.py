"""The web server of a page: where it listens, what it never does, and how a scene is looked at."""

import socket
from typing import Any

import numpy as np

from affordance_grasp.errors import EnvironmentFault
from affordance_grasp.extras import require
from affordance_grasp.geometry import Floats
from affordance_grasp.report.figures import PAPER

LOOPBACK = ("127.0.0.1", "::1", "localhost")
AWAY_M, ARM_AWAY_M, RAISED_DEG, ASIDE_DEG, ARM_ASIDE_DEG = 0.55, 0.85, 28.0, -40.0, 100.0


def open_server(host: str, port: int, title: str) -> Any:
    """A started server of viser; ``port`` 0: any free one.

    It never opens a tunnel to the outside, whatever a browser asks, and prints nothing.

    Raises:
        MissingPackage: viser is not installed.
        EnvironmentFault: nobody can listen there.
    """
    viser = require("viser", "the page")
    require_free(host, port)
    import rich

    rich.get_console().quiet = True  # or viser announces itself amid a command's own output
    server = viser.ViserServer(host=host, port=port, label=title, verbose=False)
    server.request_share_url = lambda verbose=True: None
    server.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
    server.scene.set_up_direction("+z")
    server.scene.configure_default_lights(cast_shadow=False)  # a third less to draw in software
    server.scene.set_background_image(np.full((2, 2, 3), PAPER, np.uint8), format="png")
    return server


def require_free(host: str, port: int) -> None:
    """Refuse an address where nobody can listen: viser would wait for ever, or take another."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise EnvironmentFault(
            f"nobody can listen at {host}:{port} ({error}); name a free port (0: any), and an "
            "address of this machine"
        ) from error


def look_at(server: Any, target: Floats, T_world_cam: Floats, with_arm: bool) -> None:
    """Let new browsers look at a point (3,) from beside the camera and lower than it.

    With an arm they stand before it, the point between them and the arm.
    """
    level = (target if with_arm else T_world_cam[:3, 3] - target) * (1, 1, 0)
    length = float(np.linalg.norm(level))
    toward = level / length if length > 1e-3 else np.array([0.0, -1.0, 0.0])
    aside, raised = np.radians(ARM_ASIDE_DEG if with_arm else ASIDE_DEG), np.radians(RAISED_DEG)
    turn = np.array([[np.cos(aside), -np.sin(aside), 0], [np.sin(aside), np.cos(aside), 0]])
    direction = np.append(np.cos(raised) * (turn @ toward), np.sin(raised))
    middle = target + (0, 0, 0.15 * with_arm)
    position = middle + (ARM_AWAY_M if with_arm else AWAY_M) * direction
    server.initial_camera.position = tuple(map(float, position))
    server.initial_camera.look_at = tuple(map(float, middle))
