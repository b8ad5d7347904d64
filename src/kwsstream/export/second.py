"""A second opinion: a float file quantised by ai-edge-quantizer, which shares no code with TensorFlow's quantiser.

It is given the same limits, shared in the same way: left alone, it gives a state another scale than its successor.
"""

from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from kwsstream.export.fitting import Fitting
from kwsstream.export.flatbuffer import SIGNATURE, parse
from kwsstream.export.graph import Graph
from kwsstream.export.limits import limits_over
from kwsstream.export.tflite import Precision
from kwsstream.export.tidy import tidy
from kwsstream.extra import extra
from kwsstream.quiet import quiet

NAME = "ai-edge-quantizer"


def second_opinion(floats: Path, graph: Graph, precision: Precision, file: Path, fitting: Fitting) -> None:
    """Write the float file of a graph in int8 or int16. UserError where ai-edge-quantizer is not installed."""
    runs = partial(fitting.calibration, graph, precision)
    with quiet():
        quantizer = extra("ai_edge_quantizer.quantizer", "second")
        recipe = extra("ai_edge_quantizer.recipe", "second")
        content = floats.read_bytes()
        limits = limits_over(parse(content), content, graph, runs, fitting.estimate(graph, precision))
        way = quantizer.Quantizer(str(floats))
        way.load_quantization_recipe(recipe.static_wi8_ai8() if precision == "int8" else recipe.static_wi8_ai16())
        ranges = way.calibrate({SIGNATURE: islice(runs(), 1)}, num_threads=1)
        for name, (low, high) in limits.items():
            if ranges.get(name):
                ranges[name] = {k: np.full_like(v, {"min": low, "max": high}[k]) for k, v in ranges[name].items()}
        way.quantize(ranges).export_model(str(file), overwrite=True)
    tidy(file, graph)
