"""What the tests of the page share: the programs that run it, a server, a browser that tells of every mistake."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

NODE = shutil.which("node")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SITE = Path(str(files("kwsstream.web"))) / "site"

QUIET = [
    "--no-sandbox",  # root may not have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    """The address of a folder, at a port of 127.0.0.1 that is free."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def browser(*arguments: str):
    """Debian's Chromium, headless. Skips where it, or what drives it, is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as started:
        try:
            chromium = started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
        except playwright.Error as error:
            pytest.skip(f"chromium cannot be started: {str(error).splitlines()[0]}")
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened(chromium, folder: Path, permissions=("microphone",), **settings):
    """The page of a folder when its model is loaded. Fails for an error in its console, and for a foreign request."""
    wrong = []
    with served(folder) as address:
        context = chromium.new_context(permissions=list(permissions), **settings)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda one: one.url.startswith((address, "data:", "blob:")) or wrong.append(one.url))
        page.goto(address)
        page.wait_for_function("!/Loading/.test(document.getElementById('status').textContent)", timeout=60_000)
        try:
            yield page
        finally:
            context.close()
    if wrong:
        pytest.fail(f"the page complains: {wrong}")


def logits_in(page, audio: np.ndarray, file: str = "model.json") -> np.ndarray:
    """The logits (steps, labels) of the page's runner over audio, float32 (samples,), given in uneven parts."""
    script = """async ([file, samples]) => {
        const { Spotter } = await import("/spotter.js");
        const spotter = await Spotter.load(file);
        const logits = [];
        for (let at = 0, cut = 100; at < samples.length; at += cut, cut = (cut * 7) % 2000 + 1)
            for (const step of await spotter.push(Float32Array.from(samples.slice(at, at + cut))))
                logits.push(Array.from(step.logits));
        return logits;
    }"""
    return np.array(page.evaluate(script, [file, audio.tolist()]), np.float32)
