"""Where networks compute, in how many threads, and in which precision their encoders multiply.

In ``bfloat16`` sums are as exact as ever, but the factors carry 8 bits. Processors that multiply
them themselves take about 60 % of the time of ``float32``; others take longer.
"""

from affordance_grasp.errors import InvalidInput, UnknownName

PRECISIONS = ("float32", "bfloat16", "auto")
BFLOAT16_PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16")
"""The capability's names on processors that multiply bfloat16: AMD and Intel, Intel, ARM."""


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


def choose_precision(name: str, device: str) -> str:
    """``float32`` or ``bfloat16``; ``auto`` is the faster of them on a processor.

    On an accelerator ``auto`` is ``float32``.
    """
    if name not in PRECISIONS:
        raise UnknownName("precision", name, PRECISIONS)
    if name != "auto":
        return name
    native = device.partition(":")[0] == "cpu" and _multiplies_bfloat16()
    return "bfloat16" if native else "float32"


def _multiplies_bfloat16() -> bool:
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in BFLOAT16_PRODUCTS)
