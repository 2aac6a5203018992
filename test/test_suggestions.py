import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from affordance_grasp.cli import main
from affordance_grasp.datasets.affordances_file import read_affordances
from affordance_grasp.datasets.suggestions import read_suggestions
from affordance_grasp.errors import ExternalFault, InvalidInput
from affordance_grasp.external import chat

PAIRS = {"hang_up": ("coat_hook",)}
GOOD = {"hang_up": {"phrases": ["put on the peg"], "parts": {"coat_hook": "hook of the rack"}}}


def completion(text):
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


@pytest.fixture
def endpoint():
    """An endpoint on this machine; its ``answer``: status, headers, body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            server.asked.append((self.path, dict(self.headers), self.rfile.read(length)))
            status, headers, body = server.answer
            if status is None:
                server.released.wait(60)
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.released = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_suggestions_are_shown_and_used_by_nothing(endpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFORDANCE_GRASP_ENDPOINT_KEY", "secret")
    endpoint.answer = 200, {}, completion(f"Here you are: ```json\n{json.dumps(GOOD)}\n```")
    assert main(["dataset", "init", str(tmp_path), "hang_up/coat_hook"]) == 0
    before = read_affordances(tmp_path)
    words = ["dataset", "suggest", str(tmp_path), "--endpoint", endpoint.url, "--model", "any"]
    assert main(words) == 0
    assert "put on the peg" in capsys.readouterr().out
    assert read_affordances(tmp_path) == before
    found = read_affordances(tmp_path / "suggested")["hang_up"]
    assert (found.phrases, found.parts) == (("put on the peg",), {"coat_hook": "hook of the rack"})
    ((path, headers, body),) = endpoint.asked
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert "hang_up: coat_hook" in json.loads(body)["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((200, {}, b"\xff\x00"), "no chat completion"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b"x" * (chat.MAX_BYTES + 1)), "more than 1048576 bytes"),
        ((500, {}, b""), "cannot be asked: HTTP Error 500"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "cannot be asked: HTTP Error 302"),
        ((None, {}, b""), "no answer within 0.2 s|timed out"),
    ],
)
def test_what_an_endpoint_does_wrong_is_one_sentence(endpoint, answer, sentence):
    endpoint.answer = answer
    limit = 0.2 if answer[0] is None else 30.0
    with pytest.raises(ExternalFault, match=sentence):
        chat.ask_chat(endpoint.url, "any", "?", timeout_s=limit)


def test_other_schemes_are_refused():
    with pytest.raises(InvalidInput, match="must begin with http"):
        chat.ask_chat("file:///etc/passwd", "any", "?", timeout_s=1.0)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("no", "cannot be read"),
        ('{"hang_up": 3}', "cannot be read"),
        ('{"hang_up": {"phrases": ["a\\nb"]}}', "cannot be read"),
        ('{"hang_up": {"phrases": ["\\u001b[2J"]}}', "cannot be read"),
        ('{"hang_up": {"phrases": ["%s"]}}' % ("a" * 101), "cannot be read"),
        ('{"hang_up": {"parts": {"../etc": "a"}}}', "'../etc', which was not asked about"),
        ('{"throw": {}}', "'throw', which was not asked about"),
    ],
)
def test_suggestions_that_cannot_be_used_are_refused(answer, sentence):
    with pytest.raises(ExternalFault, match=sentence):
        read_suggestions(answer, PAIRS)
