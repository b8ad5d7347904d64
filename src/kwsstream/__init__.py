"""Streaming keyword spotting: train whole clips in PyTorch, stream step by step, export with proof."""
