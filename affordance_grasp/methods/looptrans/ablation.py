"""The ablation of LoopTrans' paper: shared CAM (S), pixel decoder (P), denoising (D)."""

from collections.abc import Mapping
from typing import Any

from affordance_grasp.methods.ablation import Row


def _modules(shared_cam: bool, pixel: bool, denoise: bool) -> Mapping[str, Any]:
    return {"shared_cam": shared_cam, "pixel": pixel, **({} if denoise else {"noise": 0})}


ROWS = {
    "none": Row(
        "a block for each view, no pixel decoder, no noise heads",
        _modules(False, False, False),
        published=(1.318, 0.384, 1.135),
    ),
    "S": Row("shared CAM", _modules(True, False, False), published=(1.259, 0.409, 1.179)),
    "D": Row(
        "denoising distillation", _modules(False, False, True), published=(1.251, 0.392, 1.196)
    ),
    "S+P": Row(
        "shared CAM and pixel decoder",
        _modules(True, True, False),
        published=(1.149, 0.425, 1.266),
    ),
    "S+D": Row(
        "shared CAM and denoising", _modules(True, False, True), published=(1.222, 0.405, 1.183)
    ),
    "all": Row("the full method", published=(1.088, 0.443, 1.322)),
}
