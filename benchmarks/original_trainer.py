"""The original's trainer, rebuilt with TensorFlow, as a program that training.py times beside ours.

    python benchmarks/original_trainer.py FOLDER

Rebuilt from the published description of kws_streaming (Rybakov et al., 2020), its flags and its parameter counts, not
from its code; with its weights the models give its logits (tests/test_benchmark_training.py). An update is what it is
there: TensorFlow's graph sessions, Keras' train_on_batch with Adam on the sparse cross-entropy; MFCC in the graph, with
the DFT as two matrix products, of no more bins than the mels need (`preprocess=raw`, `feature_type=mfcc_tf`,
`mel_non_zero_only=1`); SpecAugment; its cnn of 2020 (valid padding, no batch norm) or its ds_tc_resnet. Data are loaded
as it loads them: one clip after another, a session run each that reads and decodes a WAV file, resizes, scales, shifts,
mixes with a background, and clips. Left out, in its favour: summaries, evaluation, checkpoints.

FOLDER holds settings.json, constants.npz and WAV files, which beside.py writes. The program prints the number of
parameters, and for each line of standard input, a number of updates, what each took: seconds that passed and seconds
that all cores computed, in loading, and in all else.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

v1, backend, layers = tf.compat.v1, keras.backend, keras.layers


class MFCC(layers.Layer):
    """Audio (batch, samples) to features (batch, frames, bins)."""

    def __init__(self, settings: dict, constants: dict):
        super().__init__()
        self.window, self.hop, self.floor = settings["window"], settings["hop"], settings["log_floor"]
        bins = int(constants["mels"].any(1).nonzero()[0].max()) + 1
        angle = 2 * np.pi * np.outer(np.arange(self.window), np.arange(bins)) / settings["size"]
        self.hann, self.real, self.imaginary = constants["window"], np.cos(angle), -np.sin(angle)
        self.mels, self.dct = constants["mels"][:bins], constants.get("dct")

    def call(self, audio):
        frames = tf.signal.frame(audio, self.window, self.hop) * tf.constant(self.hann, tf.float32)
        real, imaginary = (tf.matmul(frames, tf.constant(part, tf.float32)) for part in (self.real, self.imaginary))
        spectrum = tf.sqrt(tf.square(real) + tf.square(imaginary))
        mels = tf.math.log(tf.maximum(tf.matmul(spectrum, tf.constant(self.mels, tf.float32)), self.floor))
        return mels if self.dct is None else tf.matmul(mels, tf.constant(self.dct, tf.float32))


class SpecAugment(layers.Layer):
    """Masks of the same frames and bins for the whole batch, in training."""

    def __init__(self, time_masks, time_mask_frames, frequency_masks, frequency_mask_bins):
        super().__init__()
        self.masks = [(1, time_mask_frames)] * time_masks + [(2, frequency_mask_bins)] * frequency_masks

    def call(self, x):
        return backend.in_train_phase(lambda: self.masked(x), x)

    def masked(self, x):
        for dim, longest in self.masks:
            size = int(x.shape[dim])
            length = tf.random.uniform([], 0, longest, tf.int32)
            start = tf.random.uniform([], 0, size - length, tf.int32)
            place = tf.range(size)
            kept = tf.cast((place < start) | (place >= start + length), tf.float32)
            x = x * tf.reshape(kept, [1, -1, 1] if dim == 1 else [1, 1, -1])
        return x


def cnn(net, given: dict):
    """The paper's: valid convolutions with their activation inside, then dense layers."""
    net = tf.expand_dims(net, -1)
    lists = (given[key] for key in ("filters", "kernels", "strides", "dilations", "activations"))
    for filters, kernel, stride, dilation, activation in zip(*lists, strict=True):
        net = layers.Conv2D(filters, kernel, stride, "valid", dilation_rate=dilation, activation=activation)(net)
    net = layers.Dropout(given["dropout"])(layers.Flatten()(net))
    for units, activation in zip(given["units"], given["unit_activations"], strict=True):
        net = layers.Dense(units, activation)(net)
    return net


def ds_tc_resnet(net, given: dict):
    """Time as height, the features as channels; a depthwise and a pointwise convolution a block."""
    net = tf.expand_dims(net, 2)
    lists = (given[key] for key in ("filters", "kernels", "strides", "dilations", "residual"))
    for filters, kernel, stride, dilation, residual in zip(*lists, strict=True):
        into, spare = net, dilation * (kernel - 1) - stride + 1
        before = spare if given["padding"] == "causal" else spare // 2
        net = tf.pad(net, [[0, 0], [before, spare - before], [0, 0], [0, 0]]) if spare > 0 else net
        # Keras wants equal strides; along a single frequency they are the same
        window = {"strides": stride, "dilation_rate": (dilation, 1), "use_bias": False}
        net = layers.DepthwiseConv2D((kernel, 1), **window)(net)
        net = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(net))
        if residual:
            shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(into)
            net = layers.Add()([net, layers.BatchNormalization()(shortcut)])
        net = layers.Dropout(given["dropout"])(layers.Activation("relu")(net))
    return layers.GlobalAveragePooling2D()(net)


def network(settings: dict, constants: dict) -> keras.Model:
    """Audio to logits, compiled."""
    given = settings["model"]
    audio = layers.Input((settings["samples"],), settings["batch_size"])
    net = MFCC(settings, constants)(audio)
    net = SpecAugment(**settings["spec_augment"])(net) if settings["spec_augment"] else net
    net = {"cnn": cnn, "ds_tc_resnet": ds_tc_resnet}[given["name"]](net, given)
    model = keras.Model(audio, layers.Dense(settings["labels"])(net))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.legacy.Adam(settings["rate"], epsilon=1e-8), loss, metrics=["accuracy"])
    return model


class Loading:
    """Training clips, one session run each."""

    def __init__(self, settings: dict, session):
        self.settings, self.session, self.place = settings, session, 0
        samples = settings["samples"]
        self.path, self.background = v1.placeholder(tf.string, []), v1.placeholder(tf.float32, [samples, 1])
        self.factor, self.volume, self.level = (v1.placeholder(tf.float32, []) for _ in range(3))
        self.padding, self.offset = v1.placeholder(tf.int32, [2, 2]), v1.placeholder(tf.int32, [2])
        decoded = tf.audio.decode_wav(tf.io.read_file(self.path), desired_channels=1, desired_samples=samples).audio
        height = tf.cast(samples * self.factor, tf.int32)
        resized = tf.image.resize(decoded[None, :, None], tf.stack([height, 1]))
        cropped = tf.image.resize_with_crop_or_pad(resized, samples, 1)[0, :, 0]
        shifted = tf.slice(tf.pad(cropped * self.volume, self.padding), self.offset, [samples, -1])
        self.output = tf.clip_by_value(shifted + self.background * self.level, -1.0, 1.0)
        self.backgrounds = []
        for path in settings["backgrounds"]:
            found = tf.audio.decode_wav(tf.io.read_file(self.path), desired_channels=1).audio
            self.backgrounds.append(session.run(found, {self.path: path}).flatten())

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Clips float32 (batch, samples) and labels (batch,)."""
        settings = self.settings
        audio = np.zeros((settings["batch_size"], settings["samples"]), np.float32)
        labels = np.zeros(len(audio))
        for i in range(len(audio)):
            path, labels[i], silent = settings["clips"][self.place % len(settings["clips"])]
            audio[i] = self.session.run(self.output, self.numbers(path, silent)).flatten()
            self.place += 1
        return audio, labels

    def numbers(self, path: str, silent: bool) -> dict:
        """What is drawn for a clip, for the graph."""
        settings, samples = self.settings, self.settings["samples"]
        shift = np.random.randint(-settings["shift"], settings["shift"]) if settings["shift"] else 0
        background = np.zeros(samples, np.float32)
        if self.backgrounds:
            recording = self.backgrounds[np.random.randint(len(self.backgrounds))]
            start = np.random.randint(len(recording) - samples + 1)
            background = recording[start : start + samples]
        heard = np.random.uniform(0, 1) < settings["background_frequency"]
        return {
            self.path: path,
            self.factor: np.random.uniform(1 - settings["resample"], 1 + settings["resample"]),
            self.volume: 0.0 if silent else 1.0,
            self.padding: [[max(shift, 0), max(-shift, 0)], [0, 0]],
            self.offset: [max(-shift, 0), 0],
            self.background: background.reshape(samples, 1),
            self.level: np.random.uniform(0, settings["background_volume"]) if heard else 0.0,
        }


def main() -> None:
    """Time the updates that are asked for."""
    folder = Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    threads = settings["threads"]
    v1.disable_eager_execution()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    loading = Loading(settings, v1.Session())
    model = network(settings, dict(np.load(folder / "constants.npz")))
    print(json.dumps(model.count_params()), flush=True)
    for line in sys.stdin:
        found = []
        for _ in range(int(line)):
            started = now()
            audio, labels = loading.batch()
            loaded = now()
            loss, _ = model.train_on_batch(audio, labels)
            found.append((loaded - started, now() - loaded))
        if not np.isfinite(loss):
            raise ArithmeticError(f"the loss became {loss}")
        print(json.dumps(np.array(found).tolist()), flush=True)


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


if __name__ == "__main__":
    main()
