"""A run to a folder that is a web page: it listens, and shows the words it hears.

python export/to_web.py --run RUN --out FOLDER --precision float32|float16|dynamic|int8|int16 --runtime litert|onnx
"""

from kwsstream.errors import command
from kwsstream.web.command import main

if __name__ == "__main__":
    command(lambda: main("Write a run as a web page that listens, in a folder for any static server."))
