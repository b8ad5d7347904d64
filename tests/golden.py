"""Numbers that the original kws_streaming computed, its flags as our arguments."""

import json

import numpy as np
from conftest import shared

from kwsstream.features import Features


def load(kind: str, name: str) -> dict:
    """A file of golden numbers, with its flags as a dict. Skips where the reference material is absent."""
    with np.load(shared("golden", kind, f"{name}.npz"), allow_pickle=False) as file:
        found = {key: file[key] for key in file.files}
    return found | {"flags": json.loads(str(found["params_json" if kind == "features" else "flags_json"]))}


def front(flags: dict) -> Features:
    """The front end that the original's flags describe."""
    by_operator = flags["feature_type"] == "mfcc_op" or flags.get("preprocess") == "mfcc"
    # TensorFlow's mfcc operator takes the square root of the squared spectrum that it is given
    power = flags["fft_magnitude_squared"] and not by_operator
    return Features(
        window_ms=flags["window_size_ms"],
        hop_ms=flags["window_stride_ms"],
        padding="causal" if flags.get("data_frame_padding") else "valid",
        preemphasis=flags["preemph"],
        window="hann_offset" if flags["window_type"] == "hann_offest" else "hann",
        spectrum="power" if power else "magnitude",
        filterbank="op" if by_operator else "htk",
        mels=flags["mel_num_bins"],
        lower_hz=flags["mel_lower_edge_hertz"],
        upper_hz=flags["mel_upper_edge_hertz"],
        log_floor=flags["log_epsilon"],
        coefficients=flags["dct_num_features"],
    ).eval()
