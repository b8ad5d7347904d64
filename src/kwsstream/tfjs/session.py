"""TensorFlow.js as a session: a graph model in Node, its plain JavaScript backend, a step at a time."""

import json
import subprocess
from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.runners.session import Session
from kwsstream.web.npm import Package, fetched, program

TFJS = Package("@tensorflow/tfjs", "4.22.0", {"dist/tf.min.js": "tf.min.js"})


class TfjsSession(Session):
    """A graph model from the folder of its model.json. Close it when done."""

    def __init__(self, folder: Path):
        script = Path(__file__).with_name("session.mjs")
        line = [program("node", "it runs the model to prove it"), str(script), str(fetched(TFJS) / "tf.min.js")]
        self.process = subprocess.Popen(
            [*line, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.last: dict[str, list] = {}

    def reset(self) -> None:
        self.ask({"reset": True})

    def step(self, x: np.ndarray) -> np.ndarray:
        answer = self.ask({"x": x.ravel().tolist()})
        self.last = answer["states"]
        return np.array(answer["result"], np.float32)

    def states(self) -> dict[str, np.ndarray]:
        return {name: np.array(state, np.float32) for name, state in self.last.items()}

    def close(self) -> None:
        self.process.communicate()

    def ask(self, question: dict) -> dict:
        """An answer to a question, each a line of JSON."""
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            words = " ".join(self.process.communicate()[1].split()) or "no words"
            raise UserError(f"TensorFlow.js cannot run the model ({words[:300]}): use layers that it has")
        return json.loads(answer)
