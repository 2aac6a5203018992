"""One configuration: frozen dataclasses, read from YAML, flags and ROS parameters alike.

Bounds are checked by msgspec: it imports in 0.02 s (pydantic: ten times that), leaves dataclasses
plain, and reads every source, where tyro reads flags only.
"""
