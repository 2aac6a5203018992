"""The simulated work cell: robot, wrist camera, table, one object and what stands beside it.

Everything happens in one thread and only when :meth:`World.step` is called; the same seed and the
same calls give the same world.
"""

from collections.abc import Mapping, Sequence
from copy import copy

import mujoco
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.control.arm.kinematics import joint_frames
from affordance_grasp.control.motion.braking import brake
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import CameraIntrinsics, JointTrajectory, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.cell.clutter import Neighbour
from affordance_grasp.simulation.cell.observer import WRIST_CAMERA, Observer, photo_intrinsics
from affordance_grasp.simulation.cell.outcome import (
    LIFTED_M,
    NEIGHBOUR,
    ContactReader,
    PickOutcome,
)
from affordance_grasp.simulation.models.arm_model import add_arm
from affordance_grasp.simulation.models.arm_physics import arm_physics, servo_targets
from affordance_grasp.simulation.models.camera_body import add_camera_body
from affordance_grasp.simulation.models.fingertip import FINGER_JOINTS
from affordance_grasp.simulation.models.gripper_looks import add_gripper_looks
from affordance_grasp.simulation.models.gripper_model import ACTUATOR, add_gripper, drive_limit
from affordance_grasp.simulation.models.link_looks import load_looks
from affordance_grasp.simulation.models.room import SceneLook, add_room, empty_world
from affordance_grasp.simulation.objects.mjcf import add_object
from affordance_grasp.simulation.objects.primitive import HouseholdObject
from affordance_grasp.simulation.rendering.scene_camera import (
    D435_COLOR,
    HALF_TURN_ABOUT_X,
    add_camera,
    look_at,
)

CONTROL_STEPS = 2
PICTURED_M = 0.54
"""As high as a joint may be for the arm to be in the picture of the whole cell."""
_SETTLE_S, _STILL_MPS = 2.0, 0.002


class World:
    """One object on the table in front of the robot; arm at home, gripper open.

    ``robot``: the configuration, as the controller uses it. ``T_base_object`` (4, 4): where
    the object's frame (on the table under it, z up) is placed before it settles. ``seed``: of the
    room's appearance and the camera's noise. ``neighbours``: what else stands on the table.
    """

    def __init__(
        self,
        robot: RobotConfig,
        household_object: HouseholdObject,
        T_base_object: Floats,
        seed: int = 0,
        intrinsics: CameraIntrinsics = D435_COLOR,
        *,
        neighbours: Sequence[Neighbour] = (),
    ) -> None:
        """Build the model, put everything in place and let the object settle."""
        self.robot = robot
        self.household_object = household_object
        self.intrinsics = intrinsics
        self._servos = arm_physics(robot.arm)
        self._seed = seed
        self._model = build_model(
            robot, household_object, T_base_object, seed, intrinsics, neighbours=neighbours
        )
        self._data = mujoco.MjData(self._model)
        self._observer = self.observer()
        self._find_joints()
        self._contacts = ContactReader(self._model)
        self._gripper_goal_m = self._gripper_ramp_m = robot.gripper.max_width_m
        self._gripper_force_n = robot.gripper.max_force_n
        self._motion: Floats | None = None  # positions, velocities, torques to come (3, N, J)
        self._braking = False
        self._was_held_up, self._table_force_n = False, 0.0
        self._met: set[str] = set()
        self._go_home()
        self._settle()

    def _find_joints(self) -> None:
        model, names = self._model, self.robot.arm.joint_names
        self._arm_q = np.array([model.joint(name).qposadr[0] for name in names])
        self._arm_v = np.array([model.joint(name).dofadr[0] for name in names])
        self._arm_u = np.array([model.actuator(name).id for name in names])
        self._gripper_u = model.actuator(ACTUATOR).id
        self._fingers_q = np.array([model.joint(name).qposadr[0] for name in FINGER_JOINTS])
        self._object_id = model.body("object").id

    def _go_home(self) -> None:
        self._data.qpos[self._arm_q] = self.robot.home_q
        gripper = self.robot.gripper
        self._data.qpos[self._fingers_q] = gripper.joint_from_width(gripper.max_width_m)
        self.set_arm_target(self.robot.home_q)
        mujoco.mj_forward(self._model, self._data)

    def _settle(self) -> None:
        """Let the object come to rest and record its resting height."""
        still = 0
        while still < 3 and self.time_s < _SETTLE_S:
            self.step(0.1)
            speed = np.abs(self._data.cvel[self._object_id]).max()
            still = still + 1 if speed < _STILL_MPS else 0
        self._rest_height_m = float(self._data.xipos[self._object_id, 2])
        self._table_force_n = 0.0
        self._met.clear()

    # The robot's sensors.

    @property
    def time_s(self) -> float:
        """Simulated time since the world was made [s]."""
        return float(self._data.time)

    def joint_positions(self) -> Floats:
        """Arm joint angles (J,) [rad], in the order of ``robot.arm.joint_names``."""
        return np.array(self._data.qpos[self._arm_q])

    def joint_velocities(self) -> Floats:
        """Arm joint velocities (J,) [rad/s]."""
        return np.array(self._data.qvel[self._arm_v])

    def gripper_joint(self) -> float:
        """Position [rad or m] of the gripper's joint ``joint_name``, within its stroke."""
        return self.robot.gripper.joint_from_width(self.gripper_width_m())

    def gripper_width_m(self) -> float:
        """Distance of the fingertips [m], as the encoder of the drive gives it."""
        mean = float(self._data.qpos[self._fingers_q].mean())
        return self.robot.gripper.width_from_joint(mean)

    # Commands.

    def set_arm_target(self, q: Floats) -> None:
        """Hold joint angles ``q`` (J,) [rad]."""
        q = np.asarray(q, float)
        if q.shape != self._arm_q.shape or not np.isfinite(q).all():
            raise InvalidInput(f"arm target must be {len(self._arm_q)} finite joint angles")
        self._motion, self._braking = None, False
        self._data.ctrl[self._arm_u] = servo_targets(self._servos, q, np.zeros_like(q))

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        """Follow a joint trajectory from now on; :meth:`step` advances it."""
        names = list(trajectory.joint_names)
        if sorted(names) != sorted(self.robot.arm.joint_names):
            raise InvalidInput(f"trajectory moves {names}, not {list(self.robot.arm.joint_names)}")
        order = [names.index(name) for name in self.robot.arm.joint_names]
        positions, velocities = resample(trajectory, self._control_period_s)
        if len(positions) == 1:
            self.set_arm_target(positions[0, order])
            return
        velocities[-1] = 0.0
        self._motion = np.stack([positions, velocities, np.zeros_like(positions)])[:, 1:, order]
        self._braking = False

    @property
    def moving(self) -> bool:
        """True while a trajectory is being followed, or the arm brakes on it."""
        return self._motion is not None

    def stop_arm(self) -> None:
        """Brake on the trajectory's own path as hard as the arm can, and hold the arm there."""
        if self._braking:
            return
        if self._motion is None:
            self.set_arm_target(self.joint_positions())
            return
        period_s, (positions, velocities, _) = self._control_period_s, self._motion
        brakes = [self._servos.of_joint(self._servos.brakes, j) for j in range(len(self._arm_q))]
        times_s = np.arange(len(positions), dtype=float) * period_s
        names = self.robot.arm.joint_names
        ahead = JointTrajectory(names, times_s, positions, velocities)
        positions, velocities = resample(brake(ahead, brakes), period_s)
        accelerations = np.diff(velocities, axis=0, append=velocities[-1:]) / period_s
        self._motion = np.stack([positions, velocities, accelerations @ self._arm_inertia()])
        self._braking = True

    def _arm_inertia(self) -> Floats:
        """Inertia matrix of the arm's joints (J, J) [kg m2] in its present configuration."""
        inertia = np.zeros((self._model.nv, self._model.nv))
        mujoco.mj_fullM(self._model, self._data, inertia)
        return inertia[np.ix_(self._arm_v, self._arm_v)]

    def set_gripper_target(self, width_m: float, force_n: float | None = None) -> None:
        """Move the fingertips to a distance [m], pressing with at most ``force_n`` [N] each."""
        gripper = self.robot.gripper
        force_n = gripper.max_force_n if force_n is None else force_n
        if not (np.isfinite(force_n) and force_n > 0):
            raise InvalidInput(f"gripper force must be > 0 N, not {force_n}")
        self._gripper_goal_m = gripper.clamp_width(width_m)
        self._gripper_force_n = min(max(force_n, gripper.min_force_n), gripper.max_force_n)

    def step(self, duration_s: float) -> None:
        """Advance the world by this much simulated time [s]."""
        for _ in range(max(1, round(duration_s / self._control_period_s))):
            self._control_arm()
            self._control_gripper()
            mujoco.mj_step(self._model, self._data, nstep=CONTROL_STEPS)
            self._watch()

    @property
    def _control_period_s(self) -> float:
        return float(CONTROL_STEPS * self._model.opt.timestep)

    def _control_arm(self) -> None:
        if self._motion is None:
            return
        self._data.ctrl[self._arm_u] = servo_targets(self._servos, *self._motion[:, 0])
        self._motion = self._motion[:, 1:] if self._motion.shape[1] > 1 else None

    def _control_gripper(self) -> None:
        """Move the drive's set point at its top speed; limit its force to what is set."""
        gripper = self.robot.gripper
        step_m = gripper.max_speed_mps * self._control_period_s
        self._gripper_ramp_m += min(
            max(self._gripper_goal_m - self._gripper_ramp_m, -step_m), step_m
        )
        self._data.ctrl[self._gripper_u] = gripper.joint_from_width(self._gripper_ramp_m)
        limit = drive_limit(gripper, self.gripper_width_m(), self._gripper_force_n)
        self._model.actuator_forcerange[self._gripper_u] = -limit, limit

    def _watch(self) -> None:
        if self._data.ncon:
            force = self._contacts.table_force_n(self._data)
            self._table_force_n = max(self._table_force_n, force)
            self._met |= self._contacts.met_neighbours(self._data)

    # The camera.

    @property
    def T_base_cam(self) -> Floats:
        """True pose of the colour camera's optical frame in ``base_link``."""
        camera = self._data.camera(WRIST_CAMERA)
        return pose(camera.xmat.reshape(3, 3), camera.xpos) @ HALF_TURN_ABOUT_X

    def observe(self) -> RgbdFrame:
        """As :meth:`Observer.observe`, now."""
        return self._observer.observe(self._data)

    def part_masks(
        self, groups: Mapping[str, Sequence[str] | None]
    ) -> dict[str, NDArray[np.bool_]]:
        """As :meth:`Observer.part_masks`, now."""
        return self._observer.part_masks(self._data, groups)

    def thing_at(self, uv: Sequence[float]) -> str:
        """As :meth:`Observer.thing_at`, now."""
        return self._observer.thing_at(self._data, uv)

    def photo(self, width: int = 960, view: str = "cell") -> NDArray[np.uint8]:
        """As :meth:`Observer.photo`, now."""
        return self._observer.photo(self._data, width, view)

    def observer(self) -> Observer:
        """A new observer of this world, for another thread, which renders copies of its state."""
        return Observer(self._model, self.household_object, self.intrinsics, self._seed)

    def state(self) -> mujoco.MjData:
        """A copy of the present state, for an observer."""
        return copy(self._data)

    # The object.

    @property
    def T_base_object(self) -> Floats:
        """True pose of the object's frame in ``base_link``."""
        body = self._data.body(self._object_id)
        return pose(body.xmat.reshape(3, 3), body.xpos)

    def outcome(self) -> PickOutcome:
        """Judge the object now; see :class:`PickOutcome`."""
        right, left = self._contacts.parts_on_pads(self._data)
        height = float(self._data.xipos[self._object_id, 2]) - self._rest_height_m
        lifted = height > LIFTED_M and not self._contacts.object_touches_table(self._data)
        held = bool(right and left)
        dropped = self._was_held_up and not (lifted and held)
        self._was_held_up = self._was_held_up or (lifted and held)
        return PickOutcome(
            lifted=lifted,
            height_m=height,
            held=held,
            parts_held=tuple(sorted(right | left)),
            dropped=dropped,
            width_m=self.gripper_width_m(),
            table_force_n=self._table_force_n,
            met_neighbours=tuple(sorted(self._met)),
            held_neighbour=self._contacts.holds_neighbour(self._data),
        )

    def close(self) -> None:
        """Free the renderers."""
        self._observer.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_model(
    robot: RobotConfig,
    household_object: HouseholdObject,
    T_base_object: Floats,
    seed: int,
    intrinsics: CameraIntrinsics = D435_COLOR,
    *,
    neighbours: Sequence[Neighbour] = (),
) -> mujoco.MjModel:
    """Compile robot, camera, room, object and its neighbours into one model."""
    if (table_z_m := robot.settings.table_z_m) != 0:
        raise InvalidInput(
            f"table_z_m is {table_z_m:g}; in simulation the arm stands on the table, at 0"
        )
    spec = empty_world()
    add_room(spec, SceneLook.from_seed(seed))
    flange = add_arm(spec, robot.arm, robot.link_shapes, load_looks(robot.urdf, robot.arm))
    add_gripper(spec, flange, robot.gripper)
    if robot.gripper_urdf is not None:
        add_gripper_looks(spec, robot.gripper, robot.gripper_urdf)
    add_camera_body(flange, robot.T_tool0_cam)
    add_camera(flange, WRIST_CAMERA, intrinsics, robot.T_tool0_cam)
    tallest_m = float(joint_frames(robot.arm, robot.home_q)[..., 2, 3].max())
    _add_photo_views(spec, T_base_object, max(1.0, tallest_m / PICTURED_M))
    add_object(spec, household_object, T_base_object)
    for i, each in enumerate(neighbours):
        add_object(spec, each.household_object, each.T_base_object, f"{NEIGHBOUR}{i}")
    return spec.compile()


def _add_photo_views(spec: mujoco.MjSpec, T_base_object: Floats, away: float) -> None:
    """``away``: how much farther the whole cell is seen from than an arm of usual height."""
    stand, middle = np.asarray(T_base_object, float)[:3, 3], np.array([0.27, -0.03, 0.27 * away])
    views = {
        "cell": look_at(middle + away * np.array([1.28, -1.07, 0.53]), middle),
        "closeup": look_at(stand + (0.62, -0.62, 0.42), stand + (-0.02, 0.02, 0.135)),
    }
    for name, T_base_view in views.items():
        add_camera(spec.worldbody, name, photo_intrinsics(960), T_base_view)
