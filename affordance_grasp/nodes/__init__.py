"""ROS 2 nodes around the core: parameters in, messages converted, one core call, messages out.

This is the only folder that imports ROS. Every module with a ``main`` is one executable.
"""
