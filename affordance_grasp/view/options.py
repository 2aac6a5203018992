"""Where a page is served."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from affordance_grasp.configuration.settings import Settings, Word, about


@dataclass(frozen=True)
class PageOptions(Settings, title="page"):
    """The address of a page."""

    host: Annotated[
        Word,
        about("where the page listens; elsewhere than at 127.0.0.1 it asks browsers for a token"),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), about("port of the page; 0: any free one")] = 8080
