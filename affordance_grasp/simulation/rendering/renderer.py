"""The OpenGL backend of MuJoCo, chosen once, before MuJoCo is imported.

A machine without a display has EGL (a graphics card, or Mesa's software renderer) or OSMesa.
MuJoCo reads ``MUJOCO_GL`` when it is first imported, so the ``simulation`` package calls
:func:`choose_backend` before anything in it imports MuJoCo.
"""

import ctypes
import importlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from affordance_grasp.errors import InvalidInput, MissingPackage, shown

if TYPE_CHECKING:
    import mujoco

# Beside the two that need no display: those that do, and MuJoCo's words for any and for none.
KNOWN = ("egl", "osmesa", "glfw", "glx", "wgl", "cgl", "enable", "enabled", "on", "true", "1") + (
    ("disable", "disabled", "off", "false", "0")
)
PACKAGES = "libegl1 libegl-mesa0 libgl1-mesa-dri (EGL) or libosmesa6 (OSMesa)"
_EGL_LIBRARY = "libEGL.so.1"
_OSMESA_LIBRARIES = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")
_SPARE_GEOMS = 200
_EGL_PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT of EGL_EXT_platform_device


def choose_backend() -> str | None:
    """Set ``MUJOCO_GL`` to ``egl`` or else ``osmesa``, whichever works here, and return it.

    A value that the user has set is kept, whatever works here. None when nothing can render:
    physics still works, and :func:`open_renderer` will say what is missing.

    Raises:
        InvalidInput: the user's value is none that MuJoCo knows.
    """
    _load_triton()
    chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
    if chosen and chosen not in KNOWN:
        raise InvalidInput(f"MUJOCO_GL is {shown(chosen)}; it must be egl or osmesa, or not set")
    if not chosen:
        chosen = "egl" if egl_works() else "osmesa" if osmesa_works() else ""
        if chosen:
            os.environ["MUJOCO_GL"] = chosen
    return chosen or None


def _load_triton() -> None:
    """Load triton, if it is there, before Mesa.

    Mesa makes its LLVM visible to all that is loaded later, and triton, which has an LLVM of its
    own, then crashes the process; torchvision and torch's optimisers import triton.
    """
    with suppress(ImportError):
        importlib.import_module("triton._C.libtriton")


def egl_works() -> bool:
    """True when an EGL device exists that can be initialised without a display."""
    try:
        egl = ctypes.CDLL(_EGL_LIBRARY)
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query, get_display = (
        egl.eglGetProcAddress(name)
        for name in (b"eglQueryDevicesEXT", b"eglGetPlatformDisplayEXT")
    )
    if not query or not get_display:
        return False
    devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int(0)
    pointer = ctypes.c_void_p
    query_devices = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, pointer, pointer)(query)
    if not query_devices(16, devices, ctypes.byref(count)):
        return False
    display_of = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(get_display)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    displays = [display_of(_EGL_PLATFORM_DEVICE, devices[i], None) for i in range(count.value)]
    return any(bool(display and egl.eglInitialize(display, None, None)) for display in displays)


def osmesa_works() -> bool:
    """True when Mesa's off-screen library can be loaded."""
    for name in _OSMESA_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def open_renderer(model: "mujoco.MjModel", width: int, height: int) -> "mujoco.Renderer":
    """A MuJoCo renderer of (height, width) pixels; use and close it on the thread that made it."""
    import mujoco

    backend = os.environ.get("MUJOCO_GL", "")
    if not backend:
        raise MissingPackage(_sentence("neither EGL nor OSMesa was found"))
    room = model.ngeom + _SPARE_GEOMS
    try:
        _bind(backend)
        return mujoco.Renderer(model, height=height, width=width, max_geom=room)
    except (ImportError, AttributeError, RuntimeError, mujoco.FatalError) as error:
        why = f"MUJOCO_GL={backend}: {error}"
        if backend not in ("egl", "osmesa") and not os.environ.get("DISPLAY"):
            why = f"MUJOCO_GL={backend} cannot draw without a display, and there is none"
        raise MissingPackage(_sentence(why)) from error


def _bind(backend: str) -> None:
    """Make MuJoCo use the backend even when someone imported MuJoCo before it was chosen."""
    from mujoco.rendering.classic import gl_context

    context = getattr(gl_context, "GLContext", None)
    if backend in ("egl", "osmesa") and backend not in getattr(context, "__module__", ""):
        importlib.reload(gl_context)


def _sentence(why: str) -> str:
    """What to do: leave the choice to us where anything works here, else install something."""
    fit = [name for name, works in (("egl", egl_works), ("osmesa", osmesa_works)) if works()]
    chosen = os.environ.get("MUJOCO_GL", "")
    if chosen and fit and chosen not in fit:
        do = f"unset MUJOCO_GL or set it to {' or '.join(fit)}, which need no display"
    else:
        do = f"install the apt packages {PACKAGES}"
    return f"cannot render the simulated camera ({why}); {do}"
