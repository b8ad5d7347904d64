"""Listen to a microphone, a pipe or a sound file, and say which words are heard, and when.

    python -m kwsstream.listen --file X                     the default microphone (extra: listen)
    python -m kwsstream.listen --file X --wav recording.wav
    arecord -f S16_LE -r 16000 -t raw | python -m kwsstream.listen --file X --stdin

X is a run folder (PyTorch), .onnx or .tflite. Ctrl-C ends it. Any sample rate is brought to the model's. Audio from a
microphone never waits: what the model is too slow for is dropped, and counted. A file or a pipe does wait, unless
--realtime. On a file the detections are those of `python -m kwsstream.detect eval`.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kwsstream.detection.display import Display
from kwsstream.detection.inlet import Inlet
from kwsstream.detection.resample import Resampler
from kwsstream.detection.settings import changed
from kwsstream.detection.sources import Source, microphone_source, microphones, pipe_source, wav_source
from kwsstream.detection.spotter import Model, Spotter, open_model
from kwsstream.errors import UserError, command


class Ear:
    """A model that listens to a source, and counts what it hears and the time that it takes."""

    def __init__(self, model: Model, source: Source, display: Display):
        self.model, self.source, self.display = model, source, display
        self.spotter = Spotter(model)
        self.resampler = Resampler(source.sample_rate_hz, model.sample_rate_hz)
        self.inlet = Inlet(source.live)
        self.heard = self.detections = 0
        self.busy_s = 0.0

    def listen(self) -> None:
        """Hear all that the source gives, or until `inlet.stop`."""
        stream = self.source.start(self.inlet)
        try:
            with self.display.running():
                self.hear_all()
        finally:
            self.inlet.stop()
            if stream is not None:
                stream.close()

    def hear_all(self) -> None:
        dropped = 0
        for block in self.inlet:
            dropped, self.heard = block.dropped, self.heard + len(block.audio)
            self.hear(partial(self.resampler.push, block.audio), dropped)
        if not self.inlet.stopped.is_set():
            self.hear(self.resampler.flush, dropped)

    def hear(self, audio: Callable[[], np.ndarray], dropped: int) -> None:
        """What gives samples at the model's rate, after so many of the source's that were dropped."""
        start = time.perf_counter()
        posteriors, detections = self.spotter.push(audio())
        self.busy_s += time.perf_counter() - start
        lost_s = dropped / self.source.sample_rate_hz
        for one in detections:
            self.display.detection(one.sample / self.model.sample_rate_hz + lost_s, one.label, one.score)
        self.detections += len(detections)
        if len(posteriors):
            time_s = self.heard / self.source.sample_rate_hz + lost_s
            self.display.scores(time.monotonic(), time_s, posteriors[-1], lost_s, self.inlet.blocks.qsize())

    def summary(self) -> str:
        rate = self.source.sample_rate_hz
        heard_s = self.heard / rate
        factor = f"{self.busy_s / heard_s:.4f}" if heard_s else "-"
        return (
            f"{self.source.name}: {self.detections} detections in {heard_s:.1f} s, {self.inlet.dropped / rate:.1f} s "
            f"dropped, real-time factor {factor}"
        )


@contextmanager
def interruptible(inlet: Inlet) -> Iterator[None]:
    """Let the first Ctrl-C stop the inlet, and the second be what it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal, _frame) -> None:
        inlet.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def source_of(given: argparse.Namespace, rate: int) -> Source:
    """What the arguments name."""
    if given.rate is not None and not given.stdin:
        raise UserError(f"--rate {given.rate}: only raw PCM needs to be told its rate; leave it out, or add --stdin")
    if given.realtime and not (given.wav or given.stdin):
        raise UserError("--realtime: a microphone is never anything else; leave it out")
    if given.wav:
        return wav_source(given.wav, given.realtime)
    if given.stdin:
        if given.rate is not None and not 1000 <= given.rate <= 768_000:
            raise UserError(f"--rate {given.rate}: expected 1000 to 768000 Hz, the rate of the PCM on stdin")
        if sys.stdin.isatty():
            raise UserError("--stdin is a terminal: pipe raw 16-bit PCM into it, as of arecord -f S16_LE -t raw")
        return pipe_source(sys.stdin.fileno(), given.rate or rate, given.realtime)
    return microphone_source(given.device, rate)


def main() -> None:
    """Listen."""
    parser = argparse.ArgumentParser("python -m kwsstream.listen", description=__doc__.splitlines()[0])
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--file", type=Path, help="a run folder, or a file exported from one")
    wanted.add_argument("--devices", action="store_true", help="list the microphones and end")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--wav", type=Path, help="a WAV or FLAC file")
    source.add_argument("--stdin", action="store_true", help="raw PCM on stdin: 16 bit, little endian, one channel")
    source.add_argument("--device", help="a microphone's number or part of its name")
    parser.add_argument("--rate", type=int, help="sample rate of --stdin in Hz; the model's by default")
    parser.add_argument("--realtime", action="store_true", help="at the pace of time, dropping what comes too fast")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=NUMBER", help="parameters of the detector")
    given = parser.parse_args()
    if given.devices:
        print(microphones().query_devices())
        return
    model = open_model(given.file)
    model = replace(model, parameters=changed(model.parameters, given.set))
    ear = Ear(model, source_of(given, model.sample_rate_hz), Display(model))
    with interruptible(ear.inlet):
        ear.listen()
    print(ear.summary(), file=sys.stderr)


if __name__ == "__main__":
    command(main)
