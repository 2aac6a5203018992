"""The precision in which the encoder of a grounding network multiplies.

In ``bfloat16`` sums are as exact as ever, but the factors carry 8 bits. Processors that multiply
them themselves take about 60 % of the time of ``float32``; others take longer.
"""

from affordance_grasp.errors import UnknownName

PRECISIONS = ("float32", "bfloat16", "auto")
BFLOAT16_PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16")
"""The capability's names on processors that multiply bfloat16: AMD and Intel, Intel, ARM."""


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
