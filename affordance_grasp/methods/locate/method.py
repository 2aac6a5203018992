"""LOCATE's entry."""

from affordance_grasp.methods.locate.config import LocateBatch, LocateConfig
from affordance_grasp.methods.locate.network import Locate
from affordance_grasp.methods.method import Method

METHOD = Method(
    "LOCATE",
    "parts localised and transferred: class maps on the part exocentric views choose (CVPR 2023)",
    LocateConfig,
    Locate,
    LocateBatch,
)
