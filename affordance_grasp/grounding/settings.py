"""Settings of an affordance model of others."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from affordance_grasp.configuration.settings import Settings, about


@dataclass(frozen=True)
class ExternalModel(Settings, title="grounder"):
    """Where a model of others runs; one of ``model_command`` and ``model_address``."""

    model_command: Annotated[str, about("program of method external")] = ""
    model_persistent: Annotated[
        bool, about("that program stays up and reads the folder of each image from its input")
    ] = True
    model_address: Annotated[
        str, about("of the server of method external, such as tcp://127.0.0.1:5557")
    ] = ""
    model_timeout_s: Annotated[
        float, Meta(gt=0, le=600), about("how long to wait for method external [s]")
    ] = 10.0
