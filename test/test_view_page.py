"""The page in a browser: what it shows, what may be pressed and by whom, and that *stop* stops."""

import asyncio
import json
from contextlib import contextmanager
from threading import Event
from time import sleep
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tabletop import Block, tabletop

pytest.importorskip("viser", reason="viser (extra: page) is not installed")
from browser import chromium
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from affordance_grasp.cli import main
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import EnvironmentFault, InvalidInput, MotionFault
from affordance_grasp.pipeline import load_planner
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.report.glyphs import FINGER_M, STEM_M
from affordance_grasp.share import share_path
from affordance_grasp.view import page as pages
from affordance_grasp.view.access import POLICY_VIOLATION, REFUSED, Access
from affordance_grasp.view.plan_scene import table_pose
from affordance_grasp.view.planned import plan_seen
from affordance_grasp.view.recorded_cell import RecordedCell
from affordance_grasp.view.work_cell import Moves, Sight

pytestmark = pytest.mark.processes

ROBOT = load_robot()
HOST = "127.0.0.1"
HOSTILE = "<img src=x onerror=document.title='run'>{document.title='run'}"
SOON_S, LATE_S = 30.0, 90.0


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.fixture
def open_tab(browser):
    yield browser.open
    browser.close_all()


@pytest.fixture(scope="module")
def planner():
    return load_planner(PlanningOptions(rule="quality"), "hold")


class StillCell:
    """Plans on one image; its pick lasts until it is stopped."""

    robot, title, seen = ROBOT, "a still cell", None

    def __init__(self, planner, moves) -> None:
        self.moves, self._planner = moves, planner
        self.stopped, self.picked = Event(), []

    def look(self):
        return Sight(tabletop(Block(0, 0, (0.15, 0.025, 0.03))), None)

    def plan(self, query, tell):
        planned = plan_seen(self._planner, self.look().frame, query, None)
        return pages.Planned(ROBOT, query, planned.plan, None, SimpleNamespace(), "")

    def pick(self, planned, tell):
        self.picked.append(planned.query)
        tell("approach")
        assert self.stopped.wait(LATE_S)
        raise MotionFault("stopped on request")

    def stop(self):
        self.stopped.set()

    def state(self):
        return None

    def picture(self):
        return self.seen

    def close(self):
        self.stopped.set()


@contextmanager
def served(cell, monkeypatch, host=HOST):
    """The page's address, and the page, in which no motion is drawn."""
    monkeypatch.setattr(pages, "draw_path", lambda *_: None)
    monkeypatch.setattr(pages, "film", lambda _: ())
    kept = []
    whole = pages.Page

    def keep(*arguments):
        kept.append(whole(*arguments))
        return kept[0]

    monkeypatch.setattr(pages, "Page", keep)
    with pages.serve(host, 0, lambda: cell) as address:
        yield address.split(" ")[0].replace("0.0.0.0", HOST), kept[0], address


def test_a_query_is_planned_and_picked_in_simulation(planner, open_tab):
    from affordance_grasp.simulation.cell.placement import random_placement
    from affordance_grasp.simulation.cell.world import World
    from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object
    from affordance_grasp.view.simulated_cell import SimulatedCell

    def make():
        world = World(ROBOT, make_object("mug", TRIAL_SEED_START), random_placement(0))
        return SimulatedCell(planner, world, "a mug", pace=100.0)

    with pages.serve(HOST, 0, make) as address:
        tab = open_tab(address)
        tab.await_text("pixels have depth", LATE_S)
        tab.type_into("query", "pick up")
        tab.press("plan")
        tab.await_text("plan: pick up: heat 1.00", LATE_S)
        tab.press("pick")
        tab.await_text("lifted by", LATE_S)
        assert not tab.complaints


def looking_at_the_stem(plan):
    """The end of an address by which a browser has the stems of grasps in its middle."""
    T = table_pose(plan.table) @ plan.best.T_cam_tcp
    stem = T[:3, 3] - (FINGER_M + STEM_M / 2) * T[:3, 2]
    words = [",".join(f"{x:.4f}" for x in point) for point in (stem + 0.15 * T[:3, 1], stem)]
    return f"/?initialCameraPosition={words[0]}&initialCameraLookAt={words[1]}"


def clicked(tab, words):
    """Whether a click in the middle of the scene brings some words."""
    canvas = "document.querySelector('canvas').getBoundingClientRect()"
    x, y = (tab.value(f"{canvas}.{side} / 2") for side in ("width", "height"))
    for kind in ("mousePressed", "mouseReleased"):
        button = {"button": "left", "clickCount": 1}
        tab.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)
    sleep(0.5)
    return words in tab.text()


def test_stop_ends_a_pick_that_is_under_way(planner, open_tab, monkeypatch):
    cell = StillCell(planner, Moves.SIMULATION)
    with served(cell, monkeypatch) as (address, page, _):
        tab = open_tab(address)
        tab.await_text("query", LATE_S)
        tab.type_into("query", HOSTILE)
        tab.press("plan")
        tab.await_text("onerror", LATE_S)
        assert tab.value("document.title") != "run"  # a query is text, and never run
        other = open_tab(address + looking_at_the_stem(page._planned.plan))
        other.await_text("query", LATE_S)
        other.await_that(lambda: clicked(other, " ranked: heatmap 1.00"), LATE_S, "a rank")
        tab.press("pick")
        tab.await_text("pick: approach", SOON_S)
        other.press("plan")
        other.await_text("busy with pick", SOON_S)
        other.press("STOP")  # any browser may stop what another has begun
        told = tab.await_text("pick: stopped on request", SOON_S)
        assert "stop: pick" in told
        assert cell.picked == [HOSTILE]
        assert other.await_text("pick: stopped on request", SOON_S)


def test_a_real_arm_is_asked_for_twice(planner, browser, open_tab, monkeypatch):
    cell = StillCell(planner, Moves.REAL)
    with served(cell, monkeypatch) as (address, _, _):
        tab = open_tab(address)
        tab.press("plan")
        tab.await_text("first of", LATE_S)
        tab.press("pick")
        tab.await_text("Move the real arm?", SOON_S)
        assert cell.picked == []
        tab.press("no")
        tab.await_that(lambda: "Move the real arm?" not in tab.text(), SOON_S, "its end")
        tab.press("pick")
        tab.press("move the arm")
        tab.await_text("pick: approach", SOON_S)
        browser.close_all()
        assert cell.stopped.wait(SOON_S)  # nobody is left who could stop it


class Field:
    """A browser's own text field."""

    value, removed = "", False

    def on_update(self, act):
        self.typed = act

    def remove(self):
        self.removed = True


def test_elsewhere_the_buttons_ask_each_browser_for_the_token():
    joined, left, fields = [], [], [Field(), Field()]
    sockets = SimpleNamespace(on_client_connect=lambda _: None)
    server = SimpleNamespace(_websock_server=sockets, on_client_connect=joined.append)
    server.on_client_disconnect = left.append
    access = Access(server, "0.0.0.0")
    assert len(access.token) > 20 and Access(server, "0.0.0.0").token != access.token
    clients = [
        SimpleNamespace(client_id=i, gui=SimpleNamespace(add_text=lambda *_, f=f, **__: f))
        for i, f in enumerate(fields)
    ]
    for client in clients:
        joined[0](client)
    for given in ("", "wrong", access.token[:-1], access.token + "x", "é"):
        fields[0].value = given
        fields[0].typed(None)
        assert not access.allows(0) and not fields[0].removed
    fields[0].value = f" {access.token}\n"
    fields[0].typed(None)
    assert access.allows(0) and fields[0].removed
    assert not access.allows(1) and not access.allows(None)
    left[0](clients[0])  # its number is not another's
    assert not access.allows(0)


def test_who_has_no_token_presses_in_vain(planner, monkeypatch):
    cell = StillCell(planner, Moves.SIMULATION)
    with served(cell, monkeypatch, "0.0.0.0") as (_, page, told):
        assert told.endswith(f"with the token {page._access.token}")
        page._worker.submit(page._do_plan).result(LATE_S)
        stranger = SimpleNamespace(client_id=7)
        page._pressed_pick(stranger)
        asyncio.run(page._pressed_stop(stranger))
        page._worker.submit(lambda: None).result(LATE_S)
        assert cell.picked == [] and not cell.stopped.is_set()
        assert page._log.content.count(REFUSED) == 2
        page._access._granted.add(7)
        asyncio.run(page._pressed_stop(stranger))
        assert cell.stopped.is_set()


def test_pages_of_other_sites_are_cut_off(planner, monkeypatch):
    import viser

    with served(StillCell(planner, Moves.SIMULATION), monkeypatch) as (address, _, _):
        wire, words = address.replace("http", "ws"), [f"viser-v{viser.__version__}"]
        with connect(wire, subprotocols=words, origin=address) as own:
            assert own.recv(SOON_S)
        evil = connect(wire, subprotocols=words, origin="http://evil.example")
        with evil, pytest.raises(ConnectionClosed) as closed:
            evil.recv(SOON_S)
        assert closed.value.rcvd.code == POLICY_VIOLATION


@pytest.mark.parametrize(
    ("bound", "origin", "host", "own"),
    [
        (HOST, None, "127.0.0.1:8080", True),
        (HOST, "http://127.0.0.1:8080", "127.0.0.1:8080", True),
        (HOST, "http://localhost:8080", "localhost:8080", True),
        (HOST, "http://localhost:8081", "localhost:8080", False),
        (HOST, "http://evil.example", "127.0.0.1:8080", False),
        (HOST, "http://evil.example:8080", "evil.example:8080", False),  # its name leads here
        (HOST, "null", "127.0.0.1:8080", False),
        ("0.0.0.0", "http://robot:8080", "robot:8080", True),
        ("0.0.0.0", "http://evil.example", "robot:8080", False),
    ],
)
def test_whose_page_speaks(bound, origin, host, own):
    nothing = SimpleNamespace(on_client_connect=lambda _: None)
    server = SimpleNamespace(_websock_server=nothing, on_client_disconnect=lambda _: None)
    server.on_client_connect = lambda _: None
    assert Access(server, bound).is_own(origin, host) is own


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda page: setattr(page, "_planned", None), "there is no plan to pick"),
        (lambda page: setattr(page._query, "value", "pour"), "the query is another"),
        (lambda page: setattr(page, "_planned_s", -1e9), "s old: press plan"),
    ],
)
def test_only_a_fresh_plan_of_this_query_is_picked(planner, monkeypatch, spoil, words):
    cell = StillCell(planner, Moves.SIMULATION)
    with served(cell, monkeypatch) as (_, page, _):
        page._worker.submit(page._do_plan).result(LATE_S)
        planned = page._planned
        spoil(page)
        with pytest.raises(InvalidInput, match=words):
            page._do_pick(planned)
        assert cell.picked == []


def test_the_camera_is_seen_until_a_plan_is_shown(planner, monkeypatch):
    cell = StillCell(planner, Moves.SIMULATION)
    with served(cell, monkeypatch) as (_, page, _):
        page._worker.submit(page._do_look).result(LATE_S)
        cell.seen = np.full((480, 640, 3), 77, np.uint8)
        page._show_camera()
        assert (page._picture.image == 77).all() and page._picture.image.shape == (360, 480, 3)
        page._worker.submit(page._do_plan).result(LATE_S)
        cell.seen = np.full((480, 640, 3), 33, np.uint8)
        page._show_camera()
        assert not (page._picture.image == 33).all()


def test_recorded_images_pick_nothing(planner):
    sights = [Sight(tabletop(Block(0, 0, (0.15, 0.025, 0.03))), None)]
    cell = RecordedCell(planner, iter(sights), "one image")
    assert cell.plan("hold", lambda _: None).plan.best is not None
    assert cell.look() is sights[0]  # after the last it stays at that
    with pytest.raises(InvalidInput, match="nothing can be picked"):
        cell.pick(None, lambda _: None)
    with pytest.raises(InvalidInput, match="nothing has no frame"):
        RecordedCell(planner, iter(()), "nothing").look()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "none is given"),
        (["--object", "mug", "--bag", "x"], "bag and object"),
        (["--color", "x.png"], "needs --depth and --intrinsics"),
        (["--object", "mug", "--port", "70000"], "<= 65535"),
        (["--object", "unicorn"], "unicorn"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(capsys, given, words):
    assert main(["view", "--rule", "quality", *given]) == 2
    assert words in capsys.readouterr().err


def test_a_taken_port_ends_the_page_before_it_begins(planner):
    with pages.serve(HOST, 0, lambda: StillCell(planner, Moves.NOTHING)) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(EnvironmentFault), pages.serve(HOST, port, lambda: None):
            pass


def test_a_plan_is_one_file_that_a_browser_shows(tmp_path, capsys, open_tab):
    path, frame = tmp_path / "plan.html", share_path("examples/frame")
    words = ["plan", "--color", str(frame / "color.jpg"), "--depth", str(frame / "depth.png")]
    words += ["--intrinsics", "615", "615", "320", "240", "--query", "hold", "--rule", "quality"]
    words += ["--joints", *map(str, ROBOT.home_q), "--html", str(path), "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["ranked"] > 0  # nothing else is printed
    assert path.stat().st_size < 4_000_000
    tab = open_tab(path.as_uri())
    tab.await_text("first of", LATE_S)
    tab.await_that(lambda: drawn(tab.photo(tmp_path / "plan.png")), LATE_S, "the object")
    assert not tab.complaints


def drawn(photo):
    """Whether the object is seen, in the yellow of the highest heatmap value."""
    image = cv2.imread(str(photo))
    blue, green, red = image[:, : image.shape[1] * 5 // 9].transpose(2, 0, 1).astype(int)
    return ((red > 180) & (green > 180) & (blue < 120)).mean() > 0.004
