"""Every config with what its model is and costs.

    python -m kwsstream.zoo [--markdown] [conf/paper/hello_edge ...]

Sizes are of the files exported to `--exports`, a folder of export folders by the names of the configs, where it is
given. Receptive field, lookahead and latency are in ms of audio, from the first sample that counts.
"""

import argparse
from pathlib import Path

from kwsstream import config as configs
from kwsstream.data.labels import label_names
from kwsstream.errors import UserError, command
from kwsstream.report import table
from kwsstream.runs import build_model
from kwsstream.summary import summarise

HEAD = [
    "config",
    "parameters",
    "trained",
    "M MAC/s streamed",
    "M MAC/clip",
    "receptive field ms",
    "lookahead ms",
    "latency ms",
    "hop ms",
    "states",
    "state kB",
]
SIZES = ["ONNX kB", "TFLite kB", "int8 kB"]
PATTERNS = ("*_external_audio_float32.onnx", "*_external_audio_float32.tflite", "*_external_features_int8.tflite")


def row(path: Path, name: str) -> list[str]:
    """The facts of a config's model, one a column."""
    config = configs.read(path)
    data = config.data
    labels = label_names(data.words, data.silence_percentage, data.unknown_percentage)
    facts = summarise(build_model(config, len(labels)), data.sample_rate_hz, data.clip_ms * data.sample_rate_hz // 1000)
    streams = facts["cannot_stream"] is None
    field = facts["receptive_field_ms"]
    return [
        name,
        f"{facts['parameters']:,}",
        f"{facts['trainable_parameters']:,}",
        f"{facts['macs_per_second'] / 1e6:.1f}" if streams else "-",
        f"{facts['macs_per_clip'] / 1e6:.1f}",
        "unbounded" if field is None else f"{field:g}",
        f"{facts['lookahead_ms']:g}" if streams else "-",
        f"{facts['latency_ms']:g}" if streams else "-",
        f"{facts['hop_ms']:g}" if streams else "whole clips",
        str(len(facts["states"])),
        f"{facts['state_bytes'] / 1000:.1f}",
    ]


def sizes(folder: Path) -> list[str]:
    """Kilobytes of the files of an export folder, "-" for what is not there."""
    found = [sorted(folder.glob(pattern)) for pattern in PATTERNS]
    return [f"{files[0].stat().st_size / 1000:.0f}" if files else "-" for files in found]


def configs_in(places: list[Path]) -> dict[str, Path]:
    """Config files by the name that they go by in the table. UserError where there is none."""
    found = {}
    for place in places:
        files = sorted(place.rglob("*.yaml")) if place.is_dir() else [place]
        if not files:
            raise UserError(f"no config in {place}: expected a .yaml or a folder of them, such as conf")
        root = place if place.is_dir() else place.parent
        found |= {str(file.relative_to(root).with_suffix("")): file for file in files}
    return found


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m kwsstream.zoo", description=main.__doc__)
    parser.add_argument("configs", type=Path, nargs="*", default=[Path("conf")], help="yaml files or folders; conf")
    parser.add_argument("--exports", type=Path, help="where export folders are, by the names of the configs")
    parser.add_argument("--markdown", action="store_true", help="as the table of the README")
    given = parser.parse_args()
    rows = [
        row(path, name) + (sizes(given.exports / name) if given.exports else [])
        for name, path in configs_in(given.configs).items()
    ]
    print((markdown if given.markdown else table)(HEAD + (SIZES if given.exports else []), rows))


if __name__ == "__main__":
    command(main)
