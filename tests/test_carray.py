"""The C header of a file: a program that includes it finds the file's bytes, its labels, states and parameters."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream.carray import ALIGNMENT, header, main, quoted
from kwsstream.errors import UserError, command
from kwsstream.manifest import read_manifest

FILES = ["cnn_external_features_int8.tflite", "cnn_internal_features_int16.tflite", "cnn_external_audio_float32.tflite"]
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wno-unused-variable", "-Wno-unused-const-variable"]
COMPILERS = {"gcc": ["-std=c11", "-x", "c"], "g++": ["-std=c++11", "-x", "c++"]}

PROGRAM = r"""
#include <stdio.h>
#include "model.h"

static void show(const char *what, const kws_tensor *t) {
  printf("%s %s %d", what, t->name, (int)t->type);
  for (int i = 0; i < t->dimensions; ++i) printf(" %d", t->shape[i]);
  printf(" %.9g %d\n", t->scale, t->zero_point);
}

int main(int count, char **arguments) {
  FILE *file = fopen(arguments[count - 1], "rb");
  size_t i = 0;
  int byte;
  while ((byte = fgetc(file)) != EOF)
    if (i >= kws_data_bytes || kws_data[i++] != byte) return 1;
  if (i != kws_data_bytes || sizeof kws_data != i) return 2;
  if ((uintptr_t)kws_data % 16) return 3;
  for (i = 0; i < KWS_LABELS; ++i) printf("label %s\n", kws_labels[i]);
  show("input", &kws_input);
  show("output", &kws_output);
#if KWS_STATES
  for (i = 0; i < KWS_STATES; ++i) {
    const kws_state *s = &kws_states[i];
    show("state", &s->tensor);
    printf("%d %d %d %d %d\n", s->input_index, s->output_index, s->reset_value, (int)s->bytes, (int)s->offset);
  }
#endif
  printf("%d %d %d %d\n", KWS_STATE_BYTES, KWS_HOP_SAMPLES, KWS_SAMPLE_RATE_HZ, KWS_FEATURES_MELS);
  return 0;
}
"""


@pytest.fixture
def carray(monkeypatch):
    """The command, without the seconds that a process of its own takes: what it says where it fails, or None."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["carray", *map(str, arguments)])
        try:
            command(main)
        except SystemExit as error:
            return error.code
        return None

    return run


def shown(what, tensor):
    """What the program prints of a tensor."""
    kind = ("float32", "int8", "int16").index(tensor.dtype)
    sizes = " ".join(map(str, tensor.shape))
    return f"{what} {tensor.name} {kind} {sizes} {np.float32(tensor.scale or 0):.9g} {tensor.zero_point or 0}"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", FILES)
def test_a_program_finds_in_it_what_the_manifest_says(name, compiler, carray, exports, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    assert carray(exports / name, "--out", tmp_path / "model.h") is None
    (tmp_path / "main").write_text(PROGRAM)
    line = [compiler, *STRICT, *COMPILERS[compiler], "main", "-o", "program"]
    built = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([tmp_path / "program", exports / name], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    manifest = read_manifest(exports / name)
    expected = [f"label {label}" for label in manifest.labels]
    expected += [shown("input", manifest.input), shown("output", manifest.output)]
    offset = 0
    for i, state in enumerate(s for s in manifest.states if s.next):
        size = int(np.prod(state.shape)) * np.dtype(state.dtype).itemsize
        expected += [shown("state", state), f"{i + 1} {i + 1} {state.reset_value} {size} {offset}"]
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    clock = manifest.clock
    expected.append(f"{offset} {clock.hop_samples} {clock.sample_rate_hz} {manifest.features['mels']}")
    assert ran.stdout.splitlines() == expected


def test_the_header_stands_beside_the_file_by_default(exports, tmp_path):
    for file in exports.glob(f"{FILES[0]}*"):
        shutil.copy(file, tmp_path)
    line = [sys.executable, "-m", "kwsstream.carray", str(tmp_path / FILES[0]), "--name", "hello"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str((tmp_path / FILES[0]).with_suffix(".h")))
    text = (tmp_path / FILES[0]).with_suffix(".h").read_text()
    assert "#define HELLO_LABELS 5" in text and "alignas(16)" in text and str(tmp_path) not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/missing.tflite"], "no file"),
        (["{exports}/cnn_external_audio_float32.onnx"], "is no TFLite file"),
        (["{exports}/cnn_external_features_int8.tflite", "--name", "2words"], "is no name in C"),
        (["{exports}/cnn_external_features_int8.tflite", "--out", "{tmp}/file/model.h"], "cannot write"),
    ],
)
def test_what_a_user_can_cure_is_one_line(arguments, message, carray, exports, tmp_path):
    (tmp_path / "file").touch()
    said = carray(*(argument.format(tmp=tmp_path, exports=exports) for argument in arguments))
    assert said.startswith("error: ") and "\n" not in said and message in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_labels_may_be_in_any_script(exports):
    assert quoted('na "so" \\ ??=') == r'"na \"so\" \\ \?\?="'
    assert quoted("jà1") == r'"j\303\2401"'
    manifest = read_manifest(exports / FILES[0])
    assert r'"j\303\240"' in header(manifest.model_copy(update={"labels": ["jà"]}), b"1", "kws")


def test_a_name_in_c_is_one(exports):
    with pytest.raises(UserError, match="is no name in C"):
        header(read_manifest(exports / FILES[0]), b"1", "a b")
