"""Affordance-guided grasping: take a thing by the right part.

The package is two libraries in one tree: a numpy/torch core that never imports ROS, and the thin
ROS 2 nodes in :mod:`affordance_grasp.nodes`. The generated messages (``affordance_grasp.msg``,
``.srv``, ``.action``) live in the colcon install space; ``extend_path`` lets Python find them
beside this source folder.
"""

import os
from pkgutil import extend_path

__version__ = "0.1.0"

__path__ = extend_path(__path__, __name__)

# Both are read when the numeric libraries are loaded, and both may be set otherwise outside.
# Threads that spin while they wait slow each other down: on 2 cores of which one is busy with
# something else, grounding takes 2.6 s with spinning and 0.09 s without. The matrices of numpy
# and scipy are small here, and their threads only compete with those of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
