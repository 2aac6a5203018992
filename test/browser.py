"""A headless Chromium without a network, driven through its own DevTools protocol."""

import base64
import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
START_S, ANSWER_S = 60.0, 60.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu-sandbox",
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--force-device-scale-factor=0.5",  # a quarter of the pixels: they are drawn in software
    "--remote-debugging-port=0",
)
# What React takes for the user's own typing and clicking.
FIND = """
const shown = (words) => [...document.querySelectorAll('button')].find(
  (each) => each.textContent.trim().toLowerCase() === words.toLowerCase());
"""


def program() -> str:
    """Its path; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(PROGRAMS)} is installed (Debian: apt install chromium)")
    return found


class Tab:
    """One page of the browser."""

    def __init__(self, wire, address: str) -> None:
        self._wire, self._number = wire, 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")
        self.command("Page.navigate", url=address)

    def command(self, method: str, **parameters):
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        self._wire.send(json.dumps(asked))
        while True:
            answer = json.loads(self._wire.recv(ANSWER_S))
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(answer["params"]["exceptionDetails"]))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, script: str):
        """What a script gives."""
        wrapped = f"(() => {{{FIND} return {script};}})()"
        got = self.command("Runtime.evaluate", expression=wrapped, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def text(self) -> str:
        return self.value("(document.body || {innerText: ''}).innerText")

    def await_text(self, words: str, timeout_s: float) -> str:
        """The page's text once it holds some words."""
        return self.await_that(lambda: words in self.text(), timeout_s, words)

    def await_that(self, true, timeout_s: float, what: str) -> str:
        deadline = monotonic() + timeout_s
        while not true():
            assert monotonic() < deadline, f"{what!r} did not come: {self.text()}"
            sleep(0.1)
        return self.text()

    def press(self, label: str, timeout_s: float = 20.0) -> None:
        """Press a button once it may be pressed."""
        asked = f"shown({json.dumps(label)})"
        self.await_that(lambda: self.value(f"!!{asked} && !{asked}.disabled"), timeout_s, label)
        self.value(f"{asked}.click()")

    def type_into(self, label: str, words: str) -> None:
        """Replace the text of the field behind a label."""
        script = (
            "(() => {let place = [...document.querySelectorAll('label')].find("
            f"(each) => each.textContent.trim() === {json.dumps(label)});"
            "const fields = 'input:not([type=checkbox]), textarea';"
            "while (!place.querySelector(fields)) place = place.parentElement;"
            "const field = place.querySelector(fields); field.focus(); field.select();"
            "return true})()"
        )
        assert self.value(script)
        self.command("Input.insertText", text=words)

    def photo(self, path: Path) -> Path:
        shot = self.command("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


class Browser:
    """A running browser; every page has a window of its own, or those behind would stand still."""

    def __init__(self, port: int) -> None:
        self._at, self._wires, self._targets = f"127.0.0.1:{port}", [], []
        with urlopen(f"http://{self._at}/json/list", timeout=ANSWER_S) as answer:
            first = next(each for each in json.load(answer) if each["type"] == "page")
        self._root = Tab(connect(first["webSocketDebuggerUrl"], max_size=None), "about:blank")

    def open(self, address: str) -> Tab:
        made = self._root.command("Target.createTarget", url="about:blank", newWindow=True)
        self._targets.append(made["targetId"])
        self._wires.append(
            connect(f"ws://{self._at}/devtools/page/{made['targetId']}", max_size=None)
        )
        return Tab(self._wires[-1], address)

    def close_all(self) -> None:
        """Close all pages."""
        while self._targets:
            self._wires.pop().close()
            self._root.command("Target.closeTarget", targetId=self._targets.pop())


@contextmanager
def chromium(folder: Path, size: tuple[int, int] = (720, 560)):
    """A browser with a profile of its own in a new folder."""
    width, height = size
    words = [program(), *OPTIONS, f"--user-data-dir={folder}", f"--window-size={width},{height}"]
    with open(folder.parent / "chromium.log", "wb") as log:
        process = subprocess.Popen([*words, "about:blank"], stdout=log, stderr=log)
    try:
        yield Browser(_port(folder / "DevToolsActivePort", process))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _port(path: Path, process: subprocess.Popen) -> int:
    deadline = monotonic() + START_S
    while not (path.exists() and path.read_text().strip()):
        assert process.poll() is None, "Chromium ended at once; see chromium.log"
        assert monotonic() < deadline, "Chromium did not start"
        sleep(0.1)
    return int(path.read_text().split()[0])
