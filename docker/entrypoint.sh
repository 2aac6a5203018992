#!/usr/bin/env bash
# Whatever is run in the image sees ROS, the Python environment and the built package.
set -e
source /opt/ros/jazzy/setup.bash
source /ws/src/affordance_grasp/.venv/bin/activate
source /ws/src/affordance_grasp/.ros/install/setup.bash
exec "$@"
