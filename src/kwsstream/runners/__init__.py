"""One interface to run a stream of audio: PyTorch, ONNX Runtime, LiteRT and TensorFlow Lite Micro.

    runner = open_runner("runs/cnn/export/cnn_external_audio_float32.tflite")
    scores = runner.run(audio)     # the next samples of the stream: float32 in [-1, 1], a multiple of runner.hop
    before = runner.state          # of a file with external state; give it back to go on from here
    runner.reset()                 # the next samples start a new stream

A Session runs one file, number in, number out; a Runner is a whole model from audio to logits, of one file or two.
"""

from kwsstream.runners.files import RUNTIMES, FileRunner, open_runner, open_session
from kwsstream.runners.runner import Runner
from kwsstream.runners.session import Session
from kwsstream.runners.torch import TorchRunner

__all__ = ["RUNTIMES", "FileRunner", "Runner", "Session", "TorchRunner", "open_runner", "open_session"]
