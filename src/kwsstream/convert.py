"""A run folder from a model that the original kws_streaming trained.

    python -m kwsstream.convert golden.npz --out RUN

The file holds `flags_json`, every flag of the run as JSON; `weight_names`, and the weights `w000`, `w001`, ... in that
order and in Keras layouts. Where it also holds an `input`, features (clips, frames, dims) or audio (clips, samples),
and `logits_non_stream_inference_mode` or `logits_non_stream` of it, the converted model is held against them.
"""

import argparse
import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from kwsstream import config as configs
from kwsstream import runs
from kwsstream.config import Config
from kwsstream.data.labels import label_names
from kwsstream.errors import UserError, command
from kwsstream.files import whole
from kwsstream.original.flags import config as config_of
from kwsstream.original.weights import keras_layers, load_keras
from kwsstream.streaming import Sequential, why_whole
from kwsstream.summary import summarise

TOLERANCE = 1e-4  # of the largest logit


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file. UserError where it is not a file of weights with their flags."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
    except (OSError, ValueError, BadZipFile, EOFError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as .npz: {' '.join(str(error).split())}") from error
    for key in ("flags_json", "weight_names"):
        if key not in found:
            raise UserError(f"{path} has no {key}: expected flags_json, weight_names and the weights w000, w001, ...")
    missing = [f"w{i:03d}" for i in range(len(found["weight_names"])) if f"w{i:03d}" not in found]
    if missing:
        raise UserError(f"{path} has no {missing[0]}: expected a weight for each of its weight_names")
    return found


def convert(found: dict[str, np.ndarray]) -> tuple[Config, list[str], Sequential]:
    """The config, labels and model of a file's arrays. UserError where its weights do not fit its flags."""
    names = [str(name) for name in found["weight_names"]]
    layers = keras_layers(names, [found[f"w{i:03d}"] for i in range(len(names))])
    config = config_of(json.loads(str(found["flags_json"])), any("moving_mean" in name for name in names))
    labels = label_names(config.data.words, config.data.silence_percentage, config.data.unknown_percentage)
    model = runs.build_model(config, len(labels))
    load_keras(model.net, layers)
    return config, labels, model.eval()


@torch.no_grad()
def whole_clips(model: Sequential, given: Tensor) -> Tensor:
    """Logits (clips, labels) of audio (clips, samples) or of features (clips, frames, dims)."""
    y = model(given[:, :, None, None]) if given.ndim == 2 else model.net(given[:, :, None])
    return y[:, -1, 0]


@torch.no_grad()
def streamed(model: Sequential, given: Tensor) -> Tensor:
    """Logits (clips, steps, labels), hop by hop from silence."""
    layer, x = (model, given[:, :, None, None]) if given.ndim == 2 else (model.net, given[:, :, None])
    state, outputs = None, []
    for hop in x.split(layer.timing.stride, dim=1):
        if hop.shape[1] == layer.timing.stride:
            y, state = layer.step(hop, state)
            outputs.append(y[:, :, 0])
    return torch.cat(outputs, 1)


def difference(ours: Tensor, theirs: np.ndarray) -> float:
    """The largest difference in a clip as a share of the largest logit: of half the clips it is less.

    Half, since a pure tone as audio leaves mels empty but for rounding, which the logarithm of the front end amplifies.
    """
    each = np.abs(ours.numpy() - theirs).reshape(len(theirs), -1).max(1)
    return float(np.median(each) / np.abs(theirs).max())


def check(model: Sequential, found: dict[str, np.ndarray]) -> list[str]:
    """What the converted model gives against what the original gave. UserError where whole clips differ."""
    kept = [key for key in ("logits_non_stream_inference_mode", "logits_non_stream") if key in found]
    if "input" not in found or not kept:
        return ["not checked: the file holds no input with logits of the original"]
    given = torch.from_numpy(found["input"].astype(np.float32))
    clips = difference(whole_clips(model, given), found[kept[0]])
    if clips > TOLERANCE:
        raise UserError(
            f"whole clips differ by {clips:.1e} of the largest logit from the file's, expected {TOLERANCE:g}"
        )
    lines = [f"whole clips: {clips:.1e} of the largest logit from the original's"]
    reason = why_whole(model)
    if reason:
        lines.append(f"streamed: not at all; {reason}")
    elif "logits_stream" in found and model.net.timing.stride == 1:
        steps = difference(streamed(model, given), found["logits_stream"])
        known = "" if steps <= TOLERANCE else "; the original's steps are not those of its whole clips"
        lines.append(f"streamed: {steps:.1e} of the largest logit from the original's{known}")
    return lines


def write(folder: Path, config: Config, labels: list[str], model: Sequential) -> None:
    """A run folder, as fit leaves it but for what training measures."""
    samples = config.data.clip_ms * config.data.sample_rate_hz // 1000
    (folder / "checkpoints").mkdir(parents=True)
    configs.write(config, folder / "config.yaml")
    runs.write_text(folder / "labels.txt", "".join(f"{label}\n" for label in labels))
    runs.write_json(folder / "summary.json", summarise(model, config.data.sample_rate_hz, samples))
    checkpoint = {
        "state_dict": {f"model.{name}": tensor for name, tensor in model.state_dict().items()},
        "hyper_parameters": {"config": config.model_dump(mode="json"), "labels": labels},
    }
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")


def main() -> None:
    """Make a run folder of a model of the original."""
    parser = argparse.ArgumentParser("python -m kwsstream.convert", description=main.__doc__)
    parser.add_argument("file", type=Path, help="an .npz of flags and weights")
    parser.add_argument("--out", type=Path, required=True, help="the run folder to make")
    given = parser.parse_args()
    if given.out.exists():
        raise UserError(f"{given.out} is there already: give a new folder")
    found = read(given.file)
    config, labels, model = convert(found)
    lines = check(model, found)
    with whole(given.out) as beside:
        write(beside, config, labels, model)
    print("\n".join([*lines, f"run folder: {given.out}"]))


if __name__ == "__main__":
    command(main)
