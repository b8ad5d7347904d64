"""What makes the features for a file that takes them: the front end's file, torch, or the code that devices run."""

from pathlib import Path

import numpy as np
import torch

from kwsstream.errors import UserError
from kwsstream.fronts import build_front, exportable
from kwsstream.manifest import Manifest
from kwsstream.runners.session import Session
from kwsstream.streaming import State, Streaming, flatten


class FrontSession(Session):
    """A front end in torch. Of a stream, many hops are computed at once."""

    def __init__(self, front: Streaming, whole: bool):
        self.front, self.whole = front.eval(), whole
        self.reset()

    def reset(self) -> None:
        self.carried: State | None = None

    @property
    def state(self) -> dict[str, np.ndarray]:
        return self.states()

    @state.setter
    def state(self, given: dict[str, np.ndarray]) -> None:
        self.carried = nested({name: torch.from_numpy(value) for name, value in given.items()})

    def step(self, x: np.ndarray) -> np.ndarray:
        return self.steps([x])[0]

    @torch.no_grad()
    def steps(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        if self.whole:
            return [self.front(torch.from_numpy(x)).numpy() for x in xs]
        features, self.carried = self.front.step(torch.from_numpy(np.concatenate(xs, axis=1)), self.carried)
        return np.split(features.numpy(), len(xs), axis=1)

    def states(self) -> dict[str, np.ndarray]:
        return {} if self.carried is None else {k: v.numpy() for k, v in flatten(self.carried).items()}


def nested(states: dict[str, torch.Tensor]) -> State | None:
    """What flatten made flat: a state by the names of inner layers; None for no states."""
    found: dict = {}
    for name, value in states.items():
        *path, last = name.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found.get("state")


def torch_front(file: Path, manifest: Manifest) -> Streaming:
    """The front end that a manifest describes. UserError where it is not that of the file."""
    try:
        front = build_front(sample_rate_hz=manifest.clock.sample_rate_hz, **manifest.features).eval()
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the manifest of {file} describes no front end ({error}): export it again") from error
    _, frames, _, channels = manifest.input.shape
    samples = manifest.clock.clip_samples if manifest.stream == "none" else manifest.clock.hop_samples
    made = front.timing.frames(samples) if manifest.stream == "none" else samples // front.timing.stride
    if (frames, channels) != (made, front.outputs):
        raise UserError(
            f"{file} takes {frames} frames of {channels} features at a time, and the {kind(manifest)} features of its "
            f"manifest are {made} of {front.outputs}: it is the wrong front end; export it again"
        )
    return front


def kind(manifest: Manifest) -> str:
    """The kind of features of a file; "mel" where its manifest is older than the others."""
    return manifest.features.get("kind", "mel")


def without_file(file: Path, manifest: Manifest) -> FrontSession:
    """The session for a file that takes features and names no front end."""
    front = torch_front(file, manifest)
    if exportable(front):
        raise UserError(f"{file} takes {kind(manifest)} features, and its manifest names no front end: export it again")
    return FrontSession(front, manifest.stream == "none")


def check_front(file: Path, manifest: Manifest, front: Path, its: Manifest) -> None:
    """UserError where a front end's file is not the one that a file was made for."""
    if its.output.name != "features" or its.features != manifest.features:
        raise UserError(
            f"{front} is the wrong front end for {file}: it makes other features than the file was trained on; "
            "export both again"
        )
