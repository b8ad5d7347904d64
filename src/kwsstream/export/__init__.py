"""Models to files that stream elsewhere, each proven against PyTorch before it is left in its place."""
