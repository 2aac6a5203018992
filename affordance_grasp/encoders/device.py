"""Where networks compute, and in how many threads."""

from affordance_grasp.errors import InvalidInput


def check_device(device: str) -> str:
    """The device as it is given, such as ``cpu`` or ``cuda:0``; refuses one that is not usable."""
    import torch

    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"device {device!r} is not usable here; cpu always is") from error
    return device


def limit_threads(count: int) -> None:
    """Let torch compute in ``count`` CPU threads from now on."""
    if count < 1:
        raise InvalidInput(f"--threads is {count}; it must be at least 1")
    import torch

    torch.set_num_threads(count)
