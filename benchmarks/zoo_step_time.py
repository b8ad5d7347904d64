"""Time of one step of the models that kws_streaming streams, in LiteRT, as a share of the original's.

    python benchmarks/zoo_step_time.py

One thread, external state. The original's times are from another machine, so both are taken as multiples of the step of
the paper's CNN from features, whose graph is the same there and here. int8 files, all from features, are compared with
the float32 ones of the same run.
"""

import sys
import tempfile
from pathlib import Path

from step_time import convert, step_times

from kwsstream import config as configs
from kwsstream.data.labels import label_names
from kwsstream.errors import command
from kwsstream.report import table
from kwsstream.runs import build_model

CONF = Path(__file__).parents[1] / "conf" / "paper"
CONFIGS = {
    "cnn": ("paper_12_labels/cnn.yaml", []),
    "crnn": ("paper_12_labels/crnn.yaml", []),
    "ds_cnn_stream": ("paper_12_labels/ds_cnn_stream.yaml", []),
    "ds_tc_resnet, causal": ("12_labels/ds_tc_resnet.yaml", ["model.padding=causal"]),
    "gru": ("paper_12_labels/gru.yaml", []),
    "lstm_peep": ("paper_12_labels/lstm_peep.yaml", []),
    "svdf": ("paper_12_labels/svdf.yaml", []),
}
ORIGINAL_MS = {  # one step from features and from audio, the original's files on one machine
    "cnn": (0.0615, 0.101),
    "crnn": (0.0206, 0.0612),
    "ds_cnn_stream": (0.134, 0.173),
    "ds_tc_resnet, causal": (0.0077, 0.0203),
    "gru": (0.0326, 0.0738),
    "lstm_peep": (0.0248, 0.0650),
    "svdf": (0.0175, 0.0594),
}
FEATURE_BARS = dict.fromkeys(CONFIGS, 1.05) | {"ds_cnn_stream": 0.85}
AUDIO_BARS = {"crnn": 0.55, "gru": 0.55, "svdf": 0.5, "ds_tc_resnet, causal": 0.7}
INT8_BARS = {"cnn": 0.6}


def main() -> None:
    """Print times, shares of the original's, and the bars; exit code 1 where a bar is missed."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, overrides) in CONFIGS.items():
            config = configs.read(CONF / path, overrides)
            labels = label_names(config.data.words, config.data.silence_percentage, config.data.unknown_percentage)
            model = build_model(config, len(labels)).eval()
            files = convert(model, Path(folder) / name, features=["float32", "int8"], audio=["float32"])
            made |= {(name, "features"): files["features"][0], (name, "audio"): files["audio"][0]}
            made[name, "int8"] = files["features"][1]
        times = dict(zip(made, step_times(list(made.values())), strict=True))
    missed, rows = [], []
    for (name, taken), us in times.items():
        if taken == "int8":
            continue
        share = us / times["cnn", "features"] * ORIGINAL_MS["cnn"][0] / ORIGINAL_MS[name][taken == "audio"]
        bar = (AUDIO_BARS if taken == "audio" else FEATURE_BARS).get(name)
        missed += [f"{name} from {taken}"] if bar and share > bar else []
        rows.append([name, taken, f"{us:.1f}", f"{share:.2f}", f"{bar:.2f}" if bar else "-"])
    print(table(["model", "from", "us", "of the original", "at most"], rows))
    rows = []
    for name in CONFIGS:
        us, share = times[name, "int8"], times[name, "int8"] / times[name, "features"]
        bar = INT8_BARS.get(name)
        missed += [f"{name} in int8"] if bar and share > bar else []
        rows.append([name, f"{us:.1f}", f"{share:.2f}", f"{bar:.2f}" if bar else "-"])
    print(table(["model, int8", "us", "of float32", "at most"], rows))
    if missed:
        sys.exit(f"a bar is missed: {', '.join(missed)}")


if __name__ == "__main__":
    command(main)
