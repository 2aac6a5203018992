"""How many CPU threads computing may take."""

import torch

from affordance_grasp.errors import InvalidInput


def limit_threads(count: int) -> None:
    """Let torch compute in ``count`` threads from now on."""
    if count < 1:
        raise InvalidInput(f"--threads is {count}; it must be at least 1")
    torch.set_num_threads(count)
