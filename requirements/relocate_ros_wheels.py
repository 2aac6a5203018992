"""Point the CMake targets of the ROS wheels at this environment's Python and numpy headers.

The wheels were built elsewhere and export two folders of their build machine, which CMake refuses:
``/opt/python/cpXY-cpXY/include/pythonX.Y`` and numpy's ``_core/include`` below it. Run it with the
environment's own Python; running it again changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILD_MACHINE = r"/opt/python/cp3\d+-cp3\d+"
NUMPY_HEADERS = re.compile(BUILD_MACHINE + r"/lib/python3\.\d+/site-packages/numpy/_core/include")
PYTHON_HEADERS = re.compile(BUILD_MACHINE + r"/include/python3\.\d+")


def relocate(text: str, python_headers: str, numpy_headers: str) -> str:
    """The text of a CMake file with the build machine's folders replaced."""
    text = NUMPY_HEADERS.sub(lambda _: numpy_headers, text)
    return PYTHON_HEADERS.sub(lambda _: python_headers, text)


def relocate_prefix(prefix: Path, python_headers: str, numpy_headers: str) -> int:
    """Rewrite every ``share/*/cmake/*.cmake`` of a ROS prefix; return how many files changed."""
    changed = 0
    for path in sorted(prefix.glob("share/*/cmake/*.cmake")):
        before = path.read_text(encoding="utf-8")
        after = relocate(before, python_headers, numpy_headers)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    relocate_prefix(Path(sys.prefix), sysconfig.get_path("include"), np.get_include())
