"""Runs as TensorFlow.js graph models."""
