"""The ablation of SelectiveCL's paper: each row adds a module to the one before."""

from collections.abc import Mapping
from typing import Any

from affordance_grasp.methods.ablation import Row


def _modules(prototypes: str, pixel_contrast: bool, output: str = "raw") -> Mapping[str, Any]:
    return {"prototypes": prototypes, "pixel_contrast": pixel_contrast, "output": output}


ROWS = {
    "CE": Row(
        "classification only; the CAM answers",
        _modules("none", False),
        published=(1.349, 0.365, 1.138),
    ),
    "object": Row(
        "and prototypes of objects", _modules("object", False), published=(1.271, 0.392, 1.153)
    ),
    "part": Row(
        "and prototypes of parts", _modules("part", False), published=(1.164, 0.416, 1.290)
    ),
    "pixel": Row("and pixel contrast", _modules("part", True), published=(1.142, 0.415, 1.303)),
    "calibration": Row(
        "the same networks, the CAM calibrated by the affinity: the full method",
        _modules("part", True, "calibrated"),
        trained_as="pixel",
        published=(1.124, 0.433, 1.280),
    ),
}
