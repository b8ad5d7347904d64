"""The architectures by name, and a whole model: a front end, then one of them.

To add one: a file here with a class whose constructor takes `frames`, `inputs` and `labels` (the feature frames of a
clip, the features of a frame, the outputs) and then its own hyper-parameters; a line in MODELS; a yaml in conf/.
"""

from kwsstream.features import Features
from kwsstream.models.attention import AttentionRNN
from kwsstream.models.bc_resnet import BCResNet
from kwsstream.models.cnn import CNN
from kwsstream.models.dnn import DNN
from kwsstream.models.ds_cnn import DSCNN
from kwsstream.models.ds_tc_resnet import DSTCResNet
from kwsstream.models.inception import Inception, InceptionResNet
from kwsstream.models.mixednet import MixedNet
from kwsstream.models.mobilenet import MobileNet, MobileNetV2
from kwsstream.models.recurrent import CRNN, GRU, LSTM
from kwsstream.models.svdf import SVDF, SVDFResNet
from kwsstream.models.tc_resnet import TCResNet
from kwsstream.models.xception import Xception
from kwsstream.streaming import Sequential

MODELS = {
    "att_rnn": AttentionRNN,
    "bc_resnet": BCResNet,
    "cnn": CNN,
    "crnn": CRNN,
    "dnn": DNN,
    "ds_cnn": DSCNN,
    "ds_tc_resnet": DSTCResNet,
    "gru": GRU,
    "inception": Inception,
    "inception_resnet": InceptionResNet,
    "lstm": LSTM,
    "mixednet": MixedNet,
    "mobilenet": MobileNet,
    "mobilenet_v2": MobileNetV2,
    "svdf": SVDF,
    "svdf_resnet": SVDFResNet,
    "tc_resnet": TCResNet,
    "xception": Xception,
}


def build(name: str, front: Features, samples: int, labels: int, **hyper_parameters) -> Sequential:
    """A model from audio (batch, samples, 1, 1) to logits (batch, frames, 1, labels), its parts named front and net.

    ValueError where a clip of that many samples is too short for the front end or for a layer.
    """
    frames = front.timing.frames(samples)
    if frames < 1:
        needed = front.timing.warmup + front.timing.stride
        raise ValueError(f"a clip of {samples} samples has no feature frame: the window needs {needed}")
    net = MODELS[name](frames=frames, inputs=front.outputs, labels=labels, **hyper_parameters)
    return Sequential(front=front, net=net)
