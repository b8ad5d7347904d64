"""Fine-tuning: the weights of a trained run in a network that is prepared for more."""

from pathlib import Path

import torch

from kwsstream import runs
from kwsstream.compress.cluster import Clusters
from kwsstream.compress.prepare import FEATURES, compresses, prepare, weighted
from kwsstream.config import Config
from kwsstream.errors import UserError
from kwsstream.export.fitting import feature_range_of
from kwsstream.streaming import Sequential


def begin(model: Sequential, config: Config, start: Path) -> None:
    """Give a model the best weights of a run, in clusters, and the range of its features, where it has such.

    UserError where run and config do not fit.
    """
    run = runs.load(start)
    if compresses(run.config):
        raise UserError(f"--from {start}: its weights are compressed already: give the run that it was trained from")
    runs.saved(start / "checkpoints" / "best.ckpt", config)
    limits = feature_range_of(run) if config.quantise.bits else None
    prepare(run.model.net, config)
    if limits:
        run.model.net.get_submodule(FEATURES).keep(*limits)
    draws = torch.Generator().manual_seed(config.seed)
    for layer in weighted(run.model.net):
        for step in layer.parametrizations.weight if config.cluster else ():
            if isinstance(step, Clusters):
                step.fit(layer.parametrizations.weight.original, draws)
    with torch.no_grad():
        model.load_state_dict(run.model.state_dict())
