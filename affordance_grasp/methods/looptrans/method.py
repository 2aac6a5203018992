"""LoopTrans' entry."""

from affordance_grasp.methods.looptrans.config import LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.network import LoopTrans
from affordance_grasp.methods.method import Method

METHOD = Method(
    "LoopTrans",
    "closed-loop transfer: class maps that exocentric views teach (ICCV 2025)",
    LoopTransConfig,
    LoopTrans,
    LoopTransBatch,
)
