"""A run to TFLite files, each proven against PyTorch.

python export/to_tflite.py --stream external|internal|none --precision float32 float16 dynamic int8 int16
    --input audio|features --run RUN --out FOLDER
"""

from kwsstream.errors import command
from kwsstream.export.command import main

if __name__ == "__main__":
    command(lambda: main("tflite", "Export a run to TFLite files, each proven against PyTorch."))
