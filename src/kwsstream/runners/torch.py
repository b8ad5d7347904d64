"""PyTorch as a runner."""

import numpy as np
import torch

from kwsstream.runners.runner import Runner
from kwsstream.streaming import Sequential


class TorchRunner(Runner):
    """A model from audio. Hops given at once run in one step, as the law allows, or one by one with `hop_by_hop`."""

    def __init__(self, model: Sequential, labels: list[str], hop_by_hop: bool = False):
        super().__init__(labels, "external", model.timing)
        self.model, self.hop_by_hop = model.eval(), hop_by_hop
        self.reset()

    def reset(self) -> None:
        self.state = None

    @torch.no_grad()
    def _run(self, hops: np.ndarray) -> np.ndarray:
        chunks = torch.from_numpy(hops).reshape(len(hops) if self.hop_by_hop else 1, 1, -1, 1, 1)
        logits = []
        for chunk in chunks:
            y, self.state = self.model.step(chunk, self.state)
            logits.append(y[0, :, 0])
        return torch.cat(logits).numpy()
