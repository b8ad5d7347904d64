"""Trained networks made smaller, and trained on to make up for it: rounded, clustered, pruned.

`prepare` puts it into a network: weights pass through what torch calls parametrisations, activations through layers
of their own. `plain` takes it out again: what is exported is an ordinary network with the weights that came of it.
"""
