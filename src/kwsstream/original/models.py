"""The section `model` of a config from the original's flags, for each of its architectures."""

from kwsstream.errors import UserError
from kwsstream.original.values import Flags

RECURRENT = ("gru", "lstm", "crnn")


def model(flags: Flags, with_norm: bool) -> dict:
    """The hyper-parameters of the network. UserError for an architecture or an option that there is none for."""
    name = flags["model_name"]
    if name not in FROM_FLAGS:
        raise UserError(f"flag model_name: {name!r} is not one of {', '.join(sorted(FROM_FLAGS))}")
    return FROM_FLAGS[name](flags, with_norm)


def convolutions(flags: Flags) -> dict:
    return {
        "filters": flags.values_of("cnn_filters"),
        "kernels": flags.pairs_of("cnn_kernel_size"),
        "strides": flags.pairs_of("cnn_strides"),
        "dilations": flags.pairs_of("cnn_dilation_rate"),
        "activations": flags.values_of("cnn_act"),
    }


def head(flags: Flags, number: int) -> dict:
    """The dense layers on the clip, which the flags number 1 or 2."""
    return {
        "dropout": flags["dropout1"],
        "units": flags.values_of(f"units{number}"),
        "unit_activations": flags.values_of(f"act{number}"),
    }


def recurrent(flags: Flags, units: str) -> dict:
    return {"recurrent_units": flags.values_of(units), "all_frames": bool(flags.values_of("return_sequences")[-1])}


def cnn(flags: Flags, with_norm: bool) -> dict:
    """Of 2020 without batch norm, on full windows; of 2021 with it, causal."""
    padding = "causal" if with_norm else "valid"
    return {"name": "cnn", "padding": padding, "norm": with_norm} | convolutions(flags) | head(flags, 2)


def crnn(flags: Flags, _: bool) -> dict:
    found = {"name": "crnn", "padding": "unsettled"} | convolutions(flags)
    return found | recurrent(flags, "gru_units") | head(flags, 1)


def gru(flags: Flags, _: bool) -> dict:
    return {"name": "gru"} | recurrent(flags, "gru_units") | head(flags, 1)


def lstm(flags: Flags, _: bool) -> dict:
    peepholes = bool(flags["use_peepholes"])
    units = flags.values_of("lstm_units")
    projections = [max(size, 0) for size in flags.values_of("num_proj")] if peepholes else [0] * len(units)
    found = {"name": "lstm", "peepholes": peepholes, "projections": projections}
    return found | recurrent(flags, "lstm_units") | head(flags, 1)


def dnn(flags: Flags, _: bool) -> dict:
    frames = {"frame_units": flags.values_of("units1"), "frame_activations": flags.values_of("act1")}
    return {"name": "dnn", "pool": flags["pool_size"], "pool_stride": flags["strides"]} | frames | head(flags, 2)


def ds_cnn(flags: Flags, _: bool) -> dict:
    same(flags, "dw2_act", flags.values_of("dw2_act") + flags.values_of("cnn2_act"))
    return {
        "name": "ds_cnn",
        "first_filters": flags["cnn1_filters"],
        "first_kernel": flags.pairs_of("cnn1_kernel_size")[0],
        "first_stride": flags.pairs_of("cnn1_strides")[0],
        "first_dilation": flags.pairs_of("cnn1_dilation_rate")[0],
        "first_padding": flags["cnn1_padding"].lower(),
        "kernels": flags.pairs_of("dw2_kernel_size"),
        "strides": flags.pairs_of("dw2_strides"),
        "dilations": flags.pairs_of("dw2_dilation_rate"),
        "padding": flags["dw2_padding"].lower(),
        "filters": flags.values_of("cnn2_filters"),
        "activation": flags.values_of("dw2_act")[0],
        "norm_scale": bool(flags["bn_scale"]),
        "dropout": flags["dropout1"],
    }


def svdf(flags: Flags, _: bool) -> dict:
    return {
        "name": "svdf",
        "memory": flags.values_of("svdf_memory_size"),
        "filters": flags.values_of("svdf_units1"),
        "narrow": [max(units, 0) for units in flags.values_of("svdf_units2")],
        "activations": flags.values_of("svdf_act"),
        "padding": "causal" if flags["svdf_pad"] else "valid",
        "filter_dropout": max(map(float, flags.values_of("svdf_dropout")), default=0.0),
    } | head(flags, 2)


def svdf_resnet(flags: Flags, _: bool) -> dict:
    if flags["flatten"]:
        raise UserError("flag flatten: 1 was never built by the original; expected 0")
    return {
        "name": "svdf_resnet",
        "memory": [flags.values_of(f"block{i}_memory_size") for i in (1, 2, 3)],
        "filters": [flags.values_of(f"block{i}_units1") for i in (1, 2, 3)],
        "pools": flags.values_of("blocks_pool"),
        "activation": flags["activation"],
        "filter_bias": bool(flags["svdf_use_bias"]),
        "norm": bool(flags["use_batch_norm"]),
        "norm_scale": bool(flags["bn_scale"]),
        "padding": "causal" if flags["svdf_pad"] else "valid",
        "dropout": flags["dropout1"],
        "units": flags.values_of("units2"),
    }


def ds_tc_resnet(flags: Flags, _: bool) -> dict:
    return {
        "name": "ds_tc_resnet",
        "filters": flags.values_of("ds_filters"),
        "repeats": flags.values_of("ds_repeat"),
        "separable": [bool(value) for value in flags.values_of("ds_filter_separable")],
        "residual": [bool(value) for value in flags.values_of("ds_residual")],
        "kernels": flags.values_of("ds_kernel_size"),
        "strides": flags.values_of("ds_stride"),
        "dilations": flags.values_of("ds_dilation"),
        "pools": flags.values_of("ds_pool"),
        "max_pool": bool(flags["ds_max_pool"]),
        "activation": flags["activation"],
        "norm_scale": bool(flags["ds_scale"]),
        "padding": same(flags, "ds_padding", flags.values_of("ds_padding")),
        "dropout": flags["dropout"],
    }


def bc_resnet(flags: Flags, _: bool) -> dict:
    stages = flags.values_of("filters")
    paddings = flags["paddings"].replace("'", "").replace('"', "").split(",")
    return {
        "name": "bc_resnet",
        "first_filters": flags["first_filters"],
        "last_filters": flags["last_filters"],
        "filters": stages,
        "blocks": flags.values_of("blocks_n"),
        "strides": flags.pairs_of("strides"),
        "dilations": flags.pairs_of("dilations"),
        "dropouts": flags.values_of("dropouts"),
        "pools": flags.values_of("pools"),
        "max_pool": bool(flags["max_pool"]),
        "groups": flags["sub_groups"],
        "padding": same(flags, "paddings", [padding.strip() for padding in paddings]),
    }


def tc_resnet(flags: Flags, _: bool) -> dict:
    if flags.get("use_layer_norm") or flags.get("debug_2d"):
        raise UserError("flags use_layer_norm and debug_2d: only 0, batch norm in one dimension, can be converted")
    pool = flags.values_of("pool_size")
    return {
        "name": "tc_resnet",
        "channels": flags.values_of("channels"),
        "kernel": flags.pairs_of("kernel_size")[0][0],
        "pool": pool[0] if pool else 0,
        "pool_stride": max(flags["pool_stride"], 1),
        "norm_scale": bool(flags["bn_scale"]),
        "dropout": flags["dropout"],
    }


def mobilenet(flags: Flags, _: bool) -> dict:
    return {
        "name": "mobilenet",
        "first_filters": flags["cnn1_filters"],
        "first_kernel": flags.first_of("cnn1_kernel_size")[0],
        "first_stride": flags.first_of("cnn1_strides")[0],
        "kernels": flags.first_of("ds_kernel_size"),
        "strides": flags.first_of("ds_strides"),
        "filters": flags.values_of("cnn_filters"),
        "norm_scale": bool(flags["bn_scale"]),
        "dropout": flags["dropout"],
    }


def mobilenet_v2(flags: Flags, _: bool) -> dict:
    return {
        "name": "mobilenet_v2",
        "first_filters": flags["cnn1_filters"],
        "first_kernel": flags.first_of("cnn1_kernel_size")[0],
        "first_stride": flags.first_of("cnn1_strides")[0],
        "kernels": flags.first_of("ds_kernel_size" if "ds_kernel_size" in flags else "cnn_kernel_size"),
        "strides": flags.first_of("cnn_strides"),
        "filters": flags.values_of("cnn_filters"),
        "expansions": flags.values_of("cnn_expansions"),
        "norm_scale": bool(flags["bn_scale"]),
        "dropout": flags["dropout"],
    }


def first_convolutions(flags: Flags) -> dict:
    strides = flags.values_of("cnn1_strides") if "cnn1_strides" in flags else []
    if any(stride != 1 for stride in strides):
        raise UserError(f"flag cnn1_strides: {strides} cannot be converted; expected 1")
    return {
        "first_filters": flags.values_of("cnn1_filters"),
        "first_kernels": flags.values_of("cnn1_kernel_sizes"),
        "norm_scale": bool(flags["bn_scale"]),
        "dropout": flags["dropout"],
    }


def inception(flags: Flags, _: bool) -> dict:
    return {
        "name": "inception",
        "inner": flags.values_of("cnn2_filters1"),
        "filters": flags.values_of("cnn2_filters2"),
        "kernels": flags.values_of("cnn2_kernel_sizes"),
        "strides": flags.values_of("cnn2_strides"),
    } | first_convolutions(flags)


def inception_resnet(flags: Flags, _: bool) -> dict:
    return {
        "name": "inception_resnet",
        "scales": flags.values_of("cnn2_scales"),
        "pointwise": flags.values_of("cnn2_filters_branch0"),
        "inner": flags.values_of("cnn2_filters_branch1"),
        "filters": flags.values_of("cnn2_filters_branch2"),
        "kernels": flags.values_of("cnn2_kernel_sizes"),
        "strides": flags.values_of("cnn2_strides"),
    } | first_convolutions(flags)


def xception(flags: Flags, _: bool) -> dict:
    return {
        "name": "xception",
        "kernels": [flags.values_of(f"cnn{i}_kernel_sizes") for i in (2, 3, 4)],
        "filters": [flags.values_of(f"cnn{i}_filters") for i in (2, 3, 4)],
        "strides": [flags[f"stride{i}"] for i in (1, 2, 3, 4)],
        "units": flags.values_of("units2"),
    } | first_convolutions(flags)


def att_rnn(flags: Flags, _: bool) -> dict:
    for key in ("cnn_strides", "cnn_dilation_rate"):
        if any(tuple(pair) != (1, 1) for pair in flags.pairs_of(key)):
            raise UserError(f"flag {key}: {flags[key]!r} cannot be converted; expected (1,1)")
    return {
        "name": "att_rnn",
        "filters": flags.values_of("cnn_filters"),
        "kernels": flags.pairs_of("cnn_kernel_size"),
        "activations": flags.values_of("cnn_act"),
        "recurrent": flags["rnn_type"],
        "recurrent_layers": flags["rnn_layers"],
        "recurrent_units": flags["rnn_units"],
        "heads": flags.get("heads", 1),
    } | head(flags, 2)


def same(flags: Flags, key: str, values: list) -> str:
    """The one value of a list that has but one."""
    if len(set(values)) != 1:
        raise UserError(f"flag {key}: {flags[key]!r} differs between layers; expected the same for all")
    return values[0]


FROM_FLAGS = {
    "att_mh_rnn": att_rnn,
    "att_rnn": att_rnn,
    "bc_resnet": bc_resnet,
    "cnn": cnn,
    "crnn": crnn,
    "dnn": dnn,
    "dnn_raw": dnn,
    "ds_cnn": ds_cnn,
    "ds_tc_resnet": ds_tc_resnet,
    "gru": gru,
    "inception": inception,
    "inception_resnet": inception_resnet,
    "lstm": lstm,
    "mobilenet": mobilenet,
    "mobilenet_v2": mobilenet_v2,
    "svdf": svdf,
    "svdf_resnet": svdf_resnet,
    "tc_resnet": tc_resnet,
    "xception": xception,
}
