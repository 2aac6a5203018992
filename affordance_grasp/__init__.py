"""Affordance-guided grasping: take a thing by the right part.

The package is two libraries in one tree: a numpy/torch core that never imports ROS, and the thin
ROS 2 nodes in :mod:`affordance_grasp.nodes`. The generated messages (``affordance_grasp.msg``,
``.srv``, ``.action``) live in the colcon install space; ``extend_path`` lets Python find them
beside this source folder.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
