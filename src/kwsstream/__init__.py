"""Streaming keyword spotting: train whole clips in PyTorch, stream step by step, export with proof."""

import os

# Before torch loads: how often its threads (libgomp's) look for more work before they sleep. By default it is thirty
# times as often, which slows training several times where other programs want the cores. If they sleep at once, waking
# them does on idle ones: try GOMP_SPINCOUNT=0 python benchmarks/training.py.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
