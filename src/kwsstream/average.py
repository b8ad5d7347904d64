"""Averages of weights over training, which are what is validated, kept and exported."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Exponential moving average of weights and of running statistics.

    The decay rises to `decay` as (1 + n) / (10 + n) over the updates n, so that the average of a short
    run is not that of its first weights. A checkpoint holds the average as its weights, and beside them those that
    training goes on from.
    """

    def __init__(self, decay: float):
        def averaged(average: Tensor, current: Tensor, count: Tensor) -> Tensor:
            if not average.is_floating_point():
                return current
            return average.lerp(current, (9 / (10 + count)).clamp(min=1 - decay).to(average.dtype))

        super().__init__(avg_fn=averaged)
