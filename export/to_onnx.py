"""A run to an ONNX file, proven against PyTorch.

python export/to_onnx.py --stream external|none --input audio|features --run RUN --out FOLDER
"""

from kwsstream.errors import command
from kwsstream.export.command import main

if __name__ == "__main__":
    command(lambda: main("onnx", "Export a run to an ONNX file, proven against PyTorch."))
