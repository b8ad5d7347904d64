"""A config from the original's flags (flags.json of a run of kws_streaming)."""

from typing import Any

from kwsstream import config as configs
from kwsstream.config import Config
from kwsstream.data.labels import SILENCE, UNKNOWN
from kwsstream.errors import UserError
from kwsstream.original.models import RECURRENT, model
from kwsstream.original.values import Flags


def config(given: dict[str, Any], with_norm: bool) -> Config:
    """The config of a run, from its flags and whether its network has batch norm. UserError for what we have not."""
    flags = Flags(given)
    words = [word.strip() for word in flags["wanted_words"].split(",") if word.strip()]
    parts = {
        "data": data(flags, words),
        "features": features(flags),
        "model": model(flags, with_norm),
        "augment": {
            "resample": flags.get("resample", 0.15),
            "volume": flags.get("volume_resample", 0.0),
            "time_shift_ms": flags.get("time_shift_ms", 100.0),
            "background_volume": flags.get("background_volume", 0.1),
            "background_frequency": flags.get("background_frequency", 0.8),
        },
        "masks": masks(flags),
        "training": training(flags),
    }
    return configs.parse(parts, "the original's flags")


def data(flags: Flags, words: list[str]) -> dict:
    """Speech Commands with the original's shares; no silence and no unknown words in a split of its user's own."""
    own_split = not flags.get("split_data", 1)
    labelled = [word for word in words if word not in (SILENCE, UNKNOWN)]
    return {
        "corpus": "speech_commands",
        "version": "v0.01" if "v0.01" in flags.get("data_url", "") else "v0.02",
        "words": labelled,
        "split": "folders" if own_split else "hash",
        "silence_percentage": 0.0 if own_split else flags.get("silence_percentage", 10.0),
        "unknown_percentage": 0.0 if own_split else flags.get("unknown_percentage", 10.0),
        "validation_percentage": flags.get("validation_percentage", 10),
        "testing_percentage": flags.get("testing_percentage", 10),
        "clip_ms": flags.get("clip_duration_ms", 1000),
        "sample_rate_hz": flags.get("sample_rate", 16000),
        "batch_size": max(flags.get("batch_size", 100), 2),
        "pick": "sequential" if flags.get("pick_deterministically") else "replacement",
    }


def features(flags: Flags) -> dict:
    """The front end. TensorFlow's mfcc operator takes the square root of the squared spectrum that it is given."""
    if flags.get("preprocess") == "micro":
        raise UserError("flag preprocess: 'micro' is a front end outside the network; convert a run of raw or mfcc")
    by_operator = flags["feature_type"] == "mfcc_op" or flags.get("preprocess") == "mfcc"
    settled = "unsettled" if flags["model_name"] in RECURRENT else "valid"
    found = {
        "window_ms": flags["window_size_ms"],
        "hop_ms": flags["window_stride_ms"],
        "padding": "causal" if flags.get("causal_data_frame_padding") else settled,
    }
    if flags["model_name"] == "dnn_raw":
        return found | {"spectrum": "none"}
    return found | {
        "preemphasis": flags.get("preemph", 0.0),
        "window": "hann_offset" if flags.get("window_type") == "hann_offest" else "hann",
        "spectrum": "power" if flags.get("fft_magnitude_squared") and not by_operator else "magnitude",
        "filterbank": "op" if by_operator else "htk",
        "mels": flags["mel_num_bins"],
        "lower_hz": flags["mel_lower_edge_hertz"],
        "upper_hz": flags["mel_upper_edge_hertz"],
        "log_floor": flags.get("log_epsilon", 1e-12),
        "coefficients": flags["dct_num_features"],
    }


def masks(flags: Flags) -> dict:
    found = {}
    if flags.get("use_spec_augment"):
        found["spec_augment"] = {
            "time_masks": flags["time_masks_number"],
            "time_mask_frames": flags["time_mask_max_size"],
            "frequency_masks": flags["frequency_masks_number"],
            "frequency_mask_bins": flags["frequency_mask_max_size"],
        }
    if flags.get("use_spec_cutout"):
        found["cutout"] = {
            "masks": flags["spec_cutout_masks_number"],
            "time_frames": flags["spec_cutout_time_mask_size"],
            "frequency_bins": flags["spec_cutout_frequency_mask_size"],
        }
    return found


def training(flags: Flags) -> dict:
    return {
        "optimiser": flags.get("optimizer", "adam"),
        "schedule": "exponential" if flags.get("lr_schedule") == "exp" else "piecewise",
        "updates": [int(updates) for updates in flags.values_of("how_many_training_steps")],
        "rates": [float(rate) for rate in flags.values_of("learning_rate")],
        "validate_every": flags.get("eval_step_interval", 400),
    }
