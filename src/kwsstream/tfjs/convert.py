"""Run by converter.py, in the converter's environment: SAVED_MODEL FOLDER QUANTISE SHARD_BYTES."""

import sys
from types import ModuleType


def stand_in(name: str, **attributes) -> None:
    """A module that the converter imports for conversions that are not this one."""
    module = ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module


def main() -> None:
    stand_in("tensorflow_decision_forests")
    stand_in("tensorflowjs.converters.jax_conversion", convert_jax=None)
    from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model

    saved, folder, quantise, shard_bytes = sys.argv[1:]
    convert_tf_saved_model(
        saved,
        folder,
        quantization_dtype_map=None if quantise == "none" else {quantise: "*"},
        weight_shard_size_bytes=int(shard_bytes),
    )


if __name__ == "__main__":
    main()
