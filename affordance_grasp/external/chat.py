"""A language model behind an OpenAI-compatible endpoint: one question, one answer of text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Annotated
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec
from msgspec import Meta

from affordance_grasp.errors import ExternalFault, InvalidInput, shown

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class _Message:
    content: str


@dataclass(frozen=True)
class _Choice:
    message: _Message


@dataclass(frozen=True)
class _Answer:
    choices: Annotated[list[_Choice], Meta(min_length=1)]


class _NoRedirects(HTTPRedirectHandler):
    """A key is for the endpoint that was named, and for no other."""

    def redirect_request(self, *_: object) -> None:
        return None


def ask_chat(url: str, model: str, question: str, *, key: str = "", timeout_s: float) -> str:
    """The answer of ``model`` at ``url``, such as ``http://127.0.0.1:8080/v1``.

    Raises:
        InvalidInput: the address is none of http or https.
        ExternalFault: no answer in time, one of more than 1 MiB, or of another shape.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"endpoint {shown(url)} must begin with http:// or https://")
    asked = {"model": model, "messages": [{"role": "user", "content": question}]}
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    name = f"endpoint {shown(url)}"
    content = _post(f"{url.rstrip('/')}/chat/completions", asked, headers, name, timeout_s)
    try:
        return msgspec.json.decode(content, type=_Answer).choices[0].message.content
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExternalFault(f"{name} gave no chat completion ({error})") from error


def _post(
    url: str, asked: Mapping[str, object], headers: dict[str, str], name: str, timeout_s: float
) -> bytes:
    """The body of an answer; whoever sends it drop by drop is not waited for."""
    answers: Queue[bytes | Exception] = Queue()

    def fetch() -> None:
        try:
            request = Request(url, json.dumps(asked).encode(), headers)
            with build_opener(_NoRedirects).open(request, timeout=timeout_s) as response:
                answers.put(response.read(MAX_BYTES + 1))
        except Exception as error:  # whatever the network or a stranger's answer raises
            answers.put(error)

    Thread(target=fetch, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        raise ExternalFault(f"{name}: no answer within {timeout_s:g} s") from None
    if isinstance(answer, Exception):
        raise ExternalFault(f"{name} cannot be asked: {str(answer):.300}") from answer
    if len(answer) > MAX_BYTES:
        raise ExternalFault(f"{name} answered with more than {MAX_BYTES} bytes")
    return answer
