"""Models in a browser: a page that listens, and the TensorFlow.js form."""
