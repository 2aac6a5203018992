"""The page: scene, query, buttons and log, for whatever work cell is behind it."""

import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import escape
from threading import Event, Lock, Thread
from time import localtime, monotonic, strftime
from typing import Any

import numpy as np

from affordance_grasp.errors import AffordanceGraspError, InvalidInput, sentence
from affordance_grasp.report.figures import PAPER, to_width
from affordance_grasp.scene.table import fit_table
from affordance_grasp.view.access import REFUSED, Access
from affordance_grasp.view.arm_figure import ArmFigure
from affordance_grasp.view.motion import Pose, film
from affordance_grasp.view.path_lines import draw_path
from affordance_grasp.view.plan_scene import (
    PICTURE_PX,
    DrawnGrasp,
    draw_plan,
    draw_sight,
    explain,
    middle,
    picture,
    table_pose,
    target,
)
from affordance_grasp.view.planned import ArmPose, Planned
from affordance_grasp.view.server import look_at, open_server
from affordance_grasp.view.work_cell import Moves, WorkCell

FRESH_S = 60.0
LONGEST_QUERY = 300
LOG_LINES = 30
TICK_S = 1 / 15
PICTURE_TICKS = 7
CLOSE_S = 10.0
LOOK_S = 5.0
"""What is pressed while the page takes a look waits for its end."""
SCROLLED = "max-height:150px;overflow-y:auto"
"""Of the log: STOP stays in sight however much is logged."""
CALM, GOOD, BAD = "#c7ccd1", "#5fd38d", "#ff8a80"


class Page:
    """Draws what a work cell sees and plans, and passes on what browsers press.

    One thing is done at a time, by one thread; *stop* never waits for it. All browsers see the
    same state. A plan can be picked for ``FRESH_S`` and once.
    """

    def __init__(self, server: Any, access: Access, make_cell: Callable[[], WorkCell]) -> None:
        """Make the cell and the page; ``make_cell`` runs in the thread that will use it."""
        self._server, self._access = server, access
        self._worker = ThreadPoolExecutor(1, "page")
        self._cell = self._worker.submit(make_cell).result()
        self._closed, self._busy, self._lock = Event(), Lock(), Lock()
        self._doing, self._lines = "", list[str]()
        self._planned: Planned | None = None
        self._planned_s, self._film = 0.0, tuple[Pose, ...]()
        self._arm: ArmFigure | None = None
        self._lay_out(server.gui)
        server.on_client_disconnect(self._left)
        self._ticker = Thread(target=self._tick, name="page_tick", daemon=True)
        self._ticker.start()
        self._begin("look", self._do_look)

    def close(self) -> None:
        """Stop what is going on, and leave the cell."""
        self._cell.stop()
        self._closed.set()
        self._ticker.join(CLOSE_S)
        self._worker.submit(self._cell.close).result(CLOSE_S)
        self._worker.shutdown()
        self._server.stop()

    def _lay_out(self, gui: Any) -> None:
        moves = self._cell.moves
        self._stop = gui.add_button("STOP", color="red", hint="ends what is going on; arms brake")
        self._stop.on_click(self._pressed_stop)
        self._status = gui.add_html("")
        self._query = gui.add_text("query", "hold", hint="what to do: hold, cut with, pour ...")
        self._look = gui.add_button("look", color="gray", hint="the next frame")
        self._plan = gui.add_button("plan", color="blue", hint="decide, and move nothing")
        self._pick = gui.add_button("pick", color="green", disabled=True, hint=moves.value)
        self._look.on_click(lambda event: self._act("look", event, self._do_look))
        self._plan.on_click(lambda event: self._act("plan", event, self._do_plan))
        self._pick.on_click(self._pressed_pick)
        empty = np.full((PICTURE_PX * 3 // 4, PICTURE_PX, 3), PAPER, np.uint8)
        self._picture = gui.add_image(empty, label="camera")
        self._note = gui.add_html(_line("click a grasp: why it is where it is"))
        self._rejected = gui.add_checkbox("show rejected grasps", False)
        self._rejected.on_update(lambda _: self._show_rejected())
        self._play = gui.add_checkbox("play the planned motion", True, disabled=True)
        self._log = gui.add_html("")
        self._drawn: list[DrawnGrasp] = []
        self._say(self._cell.title)

    # What browsers press.

    async def _pressed_stop(self, event: Any) -> None:
        """Of the event loop itself, so that it waits for no thread."""
        if not self._access.allows(event.client_id):
            self._say(REFUSED, BAD)
            return
        self._cell.stop()
        self._say(f"stop: {self._doing or 'nothing was going on'}", BAD)

    def _pressed_pick(self, event: Any) -> None:
        """On a real arm this asks once more, in the browser that pressed."""
        asked, real = self._planned, self._cell.moves is Moves.REAL
        if asked is None or not real or not self._access.allows(event.client_id):
            self._act("pick", event, lambda: self._do_pick(asked))
            return
        with event.client.gui.add_modal("Move the real arm?") as modal:
            event.client.gui.add_html(_line(explain(asked.plan)))
            move = event.client.gui.add_button("move the arm", color="red")
            no = event.client.gui.add_button("no")

        @move.on_click
        def _(again: Any) -> None:
            modal.close()
            self._act("pick", again, lambda: self._do_pick(asked))

        no.on_click(lambda _: modal.close())

    def _act(self, name: str, event: Any, do: Callable[[], str]) -> None:
        if not self._access.allows(event.client_id):
            self._say(f"{name}: {REFUSED}", BAD)
        else:
            self._begin(name, do)

    def _begin(self, name: str, do: Callable[[], str]) -> None:
        if not self._busy.acquire(timeout=LOOK_S if self._doing == "look" else 0):
            self._say(f"{name}: busy with {self._doing}; wait, or stop it", BAD)
            return
        self._doing = name
        self._worker.submit(self._run, name, do)

    def _run(self, name: str, do: Callable[[], str]) -> None:
        """Do one thing to its end, and say how it ended."""
        self._set_status(f"{name} …")
        try:
            self._say(f"{name}: {do()}", GOOD)
        except AffordanceGraspError as error:
            self._say(f"{name}: {error}", BAD)
        except Exception as error:  # a bug of this package: the page goes on
            traceback.print_exc()
            self._say(f"{name} failed: {type(error).__name__}: {error}", BAD)
        finally:
            self._doing = ""
            self._busy.release()
            self._set_status("")

    def _left(self, client: Any) -> None:
        """Nobody is left who could stop it."""
        others = [i for i in self._server.get_clients() if self._access.allows(i)]
        if self._doing == "pick" and not others:
            self._cell.stop()
            self._say("stop: the last browser that could stop the arm has left", BAD)

    # What the worker does.

    def _do_look(self) -> str:
        seen = self._cell.look()
        self._forget()
        self._picture.image = picture(seen.frame)
        pose = seen.pose
        T_world_cam = table_pose(fit_table(seen.frame)) if pose is None else pose.T_base_cam
        with self._server.atomic():
            draw_sight(self._server.scene, seen.frame, T_world_cam)
            if pose is not None:
                self._stand(pose)
        look_at(self._server, middle(seen.frame, T_world_cam), T_world_cam, pose is not None)
        return f"{(seen.frame.depth_m > 0).mean():.0%} of the pixels have depth"

    def _do_plan(self) -> str:
        query = self._query.value.strip()
        if not query or len(query) > LONGEST_QUERY:
            raise InvalidInput(f"a query has 1 to {LONGEST_QUERY} characters, such as hold")
        self._forget()
        planned = self._cell.plan(query, self._set_status)
        self._show(planned)
        self._planned, self._planned_s = planned, monotonic()
        can = planned.pick is not None and self._cell.moves is not Moves.NOTHING
        self._pick.disabled = not can
        if planned.plan.best is None:
            raise InvalidInput(planned.plan.refusal)
        why = "" if planned.pick is not None else f"; {planned.why_no_pick}"
        return explain(planned.plan) + why

    def _do_pick(self, planned: Planned | None) -> str:
        if planned is None or planned is not self._planned:
            raise InvalidInput("there is no plan to pick: press plan, then pick")
        if self._query.value.strip() != planned.query:
            raise InvalidInput("the query is another than the plan's: press plan, then pick")
        if (age_s := monotonic() - self._planned_s) > FRESH_S:
            raise InvalidInput(f"the plan is {age_s:.0f} s old: press plan, then pick")
        self._planned, self._pick.disabled = None, True
        self._film = ()
        return self._cell.pick(planned, self._set_status)

    def _forget(self) -> None:
        """What is shown is a plan of before."""
        self._planned, self._film, self._drawn = None, (), []
        self._pick.disabled = self._play.disabled = True

    def _show(self, planned: Planned) -> None:
        plan, pose, scene = planned.plan, planned.pose, self._server.scene
        T_world_cam = table_pose(plan.table) if pose is None else pose.T_base_cam
        with self._server.atomic():
            self._drawn = draw_plan(scene, plan, T_world_cam)
            if planned.pick is not None:
                draw_path(scene, planned.robot, planned.pick)
            self._show_rejected()
        for grasp in self._drawn:
            grasp.handle.on_click(lambda _, note=grasp.note: self._explain(note))
        if pose is not None:
            self._stand(pose)
        look_at(self._server, target(plan, T_world_cam), T_world_cam, pose is not None)
        self._picture.image = picture(plan.frame, plan.heatmap, plan.region)
        self._film = () if planned.pick is None else film(planned.pick)
        self._play.disabled = not self._film

    def _stand(self, pose: ArmPose) -> None:
        """Show the arm where it was; it is drawn when it is first known where it is."""
        if self._arm is None:
            self._arm = ArmFigure(self._server.scene, self._cell.robot)
        self._arm.place(pose.q, self._cell.robot.gripper.max_width_m)

    def _show_rejected(self) -> None:
        for grasp in self._drawn:
            if grasp.rejected:
                grasp.handle.visible = self._rejected.value

    def _explain(self, note: str) -> None:
        self._note.content = _line(note)

    # What is shown meanwhile.

    def _tick(self) -> None:
        """Move the drawn arm: along the planned motion, else where the arm is."""
        begun, ticks = monotonic(), 0
        while not self._closed.wait(TICK_S):
            ticks += 1
            try:
                if ticks % PICTURE_TICKS == 0:
                    self._show_camera()
                pictures = self._film
                if pictures and self._play.value and self._arm is not None:
                    at = int((monotonic() - begun) / TICK_S) % (len(pictures) + 15)
                    now = pictures[min(at, len(pictures) - 1)]
                    self._arm.place(now.q, now.width_m)
                elif self._arm is not None and (state := self._cell.state()) is not None:
                    self._arm.place(state.q, state.width_m)
            except Exception:  # the picture of the arm stands still; the arm is not driven by it
                traceback.print_exc()
                return

    def _show_camera(self) -> None:
        """What the camera sees now, unless a plan is shown."""
        if self._planned is None and (seen := self._cell.picture()) is not None:
            self._picture.image = to_width(seen, min(PICTURE_PX, seen.shape[1]))

    def _set_status(self, text: str) -> None:
        moves = self._cell.moves.value
        self._status.content = _line(f"{self._doing}: {text}" if text else f"ready ({moves})")

    def _say(self, text: str, tint: str = CALM) -> None:
        """A line of the log, here and in the terminal."""
        text = sentence(text)
        print(f"{strftime('%H:%M:%S', localtime())}  {text}", file=sys.stderr, flush=True)
        with self._lock:
            clock = strftime("%H:%M:%S", localtime())
            self._lines = [_line(f"{clock} {text}", tint), *self._lines][:LOG_LINES]
            self._log.content = f'<div style="{SCROLLED}">{"".join(self._lines)}</div>'


def _line(text: str, tint: str = CALM) -> str:
    """Text for a browser, which shows it and never runs it."""
    return (
        f'<div style="color:{tint};font-size:12px;padding:1px 14px;'
        f'overflow-wrap:anywhere">{escape(text)}</div>'
    )


@contextmanager
def serve(host: str, port: int, make_cell: Callable[[], WorkCell]) -> Iterator[str]:
    """A page as long as the block runs; its address, and the token where one is asked for.

    Raises:
        MissingPackage: viser is not installed.
        EnvironmentFault: nobody can listen there.
    """
    server = open_server(host, port, "affordance_grasp")
    page = None
    try:
        access = Access(server, host)
        page = Page(server, access, make_cell)
        token = f" with the token {access.token}" if access.token else ""
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.get_port()}{token}"
    finally:
        server.stop() if page is None else page.close()
