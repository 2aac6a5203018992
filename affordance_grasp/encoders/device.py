"""Where networks compute."""

import torch

from affordance_grasp.errors import InvalidInput


def check_device(device: str) -> str:
    """The device as it is given, such as ``cpu`` or ``cuda:0``; refuses one that is not usable."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"device {device!r} is not usable here; cpu always is") from error
    return device
