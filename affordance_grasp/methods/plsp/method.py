"""PLSP's entry: what it is and what it is built of."""

from affordance_grasp.methods.method import Method
from affordance_grasp.methods.plsp.config import PlspBatch, PlspConfig
from affordance_grasp.methods.plsp.network import Plsp

METHOD = Method(
    "PLSP",
    "part-level semantic priors: a verb's text feature queries the image (ICLR 2025)",
    PlspConfig,
    Plsp,
    PlspBatch,
)
