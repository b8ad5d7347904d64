import pytest
import torch
from law import check_receptive_field, check_steps

from kwsstream.features import Features
from kwsstream.models import build
from kwsstream.summary import summarise

SMALL = {
    "filters": [4, 6],
    "kernels": [[3, 3], [5, 3]],
    "strides": [[1, 1], [1, 2]],
    "dilations": [[1, 1], [2, 1]],
    "activations": ["relu", "linear"],
    "units": [8],
    "unit_activations": ["relu"],
}


@pytest.fixture(scope="module")
def paper():
    return build("cnn", Features(upper_hz=7600), samples=16000, labels=12)


def test_the_paper_cnn_has_the_published_size(paper):
    facts = summarise(paper, 16000, 16000)
    assert facts["parameters"] == facts["trainable_parameters"] == 606_732
    assert facts["receptive_field_ms"] == 1000
    assert (facts["hop_ms"], facts["latency_ms"]) == (20, 20)
    assert facts["states"]["state.net.conv7"] == [18, 11, 64]
    assert facts["macs_per_second"] == 50 * facts["macs_per_step"]


@pytest.mark.parametrize("padding", ["valid", "causal", "same"])
@pytest.mark.parametrize("strides", [[[1, 1], [1, 2]], [[2, 1], [1, 1]]])
def test_cnns_keep_the_law_from_audio_and_from_features(padding, strides):
    model = build("cnn", Features(), 16000, 12, **SMALL | {"padding": padding, "strides": strides, "norm": True})
    audio, features = torch.randn(1, 64000, 1, 1), torch.randn(2, 180, 1, 20)
    check_steps(model, audio, [1, 3], rtol=1e-3, atol=1e-4)
    check_receptive_field(model, audio)
    check_steps(model.net, features, [2, 1], rtol=1e-4, atol=1e-5)
    check_receptive_field(model.net, features)


@pytest.mark.parametrize(
    ("given", "samples", "message"),
    [
        ({"kernels": [[3, 3], [60, 1]]}, 16000, "layer conv2 needs 119 frames and 47 are left"),
        ({"kernels": [[3, 3], [5, 19]]}, 16000, "layer conv2 needs 19 frequency bins and 18 are left"),
        ({"filters": [4]}, 16000, "one entry a layer"),
        ({}, 600, "a clip of 600 samples has no feature frame: the window needs 640"),
    ],
)
def test_layers_that_do_not_fit_say_which_and_why(given, samples, message):
    with pytest.raises(ValueError, match=message):
        build("cnn", Features(), samples, 12, **SMALL | given)
