"""A run to a TensorFlow.js graph model, proven against PyTorch.

python export/to_tfjs.py --run RUN --out FOLDER --quantise none|float16|uint8|uint16
"""

from kwsstream.errors import command
from kwsstream.tfjs.command import main

if __name__ == "__main__":
    command(lambda: main("Export a run to a TensorFlow.js graph model, proven against PyTorch."))
