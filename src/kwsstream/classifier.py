"""Training as Lightning sees it: batches of clips in, a loss out.

Whatever is random in an update is a function of the seed, the update and the process, so that a run continued from a
checkpoint goes on as if it had never stopped.
"""

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from kwsstream.compress.prune import prune
from kwsstream.config import Config
from kwsstream.data.augment import in_parts
from kwsstream.data.effects import Treatment
from kwsstream.data.mixup import mixup
from kwsstream.data.spec_augment import Cutout, SpecAugment
from kwsstream.errors import UserError
from kwsstream.loss import loss_of
from kwsstream.optimise import optimiser, schedule
from kwsstream.peaks import LET_GO_MS, peak_loss, stretches, wrong_keywords
from kwsstream.runs import build_model
from kwsstream.streaming import Sequential, State, Streaming, why_whole


class Classifier(lightning.LightningModule):
    """A keyword model with its augmentation, loss, optimiser and schedule."""

    def __init__(self, config: Config, labels: list[str]):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump(mode="json"), "labels": labels})
        self.config, self.labels = config, labels
        self.model = build_model(config, len(labels))
        masks = config.masks
        self.masks = torch.nn.ModuleList(
            layer(**dict(given))
            for layer, given in ((SpecAugment, masks.spec_augment), (Cutout, masks.cutout))
            if given is not None
        )
        self.accuracy = MulticlassAccuracy(len(labels), average="micro")
        self.compiled = torch.compile(self.model.net.forward) if config.training.compile else None
        self.carried: State | None = None  # of the streams of the update before
        if config.training.carry_state and (reason := why_whole(self.model) or delayed(self.model.net)):
            raise UserError(
                f"training.carry_state: {config.model.name} has no state to carry on: {reason}; leave it out"
            )

    def setup(self, stage: str) -> None:
        if stage == "fit":
            data = self.trainer.datamodule
            self.treat = Treatment(self.config, data)
            self.loss = loss_of(self.config, data)

    def forward(self, audio: Tensor) -> Tensor:
        """Logits (batch, labels) of whole clips (batch, samples), float32 in [-1, 1]."""
        return self.classify(self.features(audio))

    @torch.no_grad()
    def features(self, audio: Tensor) -> Tensor:
        """Features (batch, frames, 1, bins), in float32 whatever the precision of training."""
        with torch.autocast(audio.device.type, enabled=False):
            return in_parts(self.model.front, audio[:, :, None, None])

    def classify(self, features: Tensor) -> Tensor:
        return self.net(features)[:, -1, 0]

    def net(self, features: Tensor) -> Tensor:
        """The net on whole sequences; compiled only for training, whose batches are all of one shape."""
        return self.compiled(features) if self.compiled and self.training else self.model.net(features)

    def training_step(self, batch: dict, _: int) -> Tensor:
        torch.manual_seed(hash((self.config.seed, batch["update"], self.global_rank)))
        draws = torch.Generator().manual_seed(torch.initial_seed())
        with torch.no_grad():
            audio, label = self.treat(batch["audio"], batch["silence"], batch["label"], draws)
            mixed = None
            if self.config.training.mixup:
                audio, mixed = mixup(audio, self.config.training.mixup, draws)
            features = self.features(joined(audio, self.config.training.clips_per_stream)).squeeze(2)
            for mask in self.masks:
                features = mask(features, draws)
        logits = self.over_streams(features.unsqueeze(2))
        ends = self.ends(audio.shape[1], logits.shape[1])
        loss = self.loss(logits[:, ends].flatten(0, 1), label, audio, mixed)
        if weight := self.config.training.peak_loss:
            targets = (label,) if mixed is None else (label, label[mixed.other])
            let_go = LET_GO_MS * logits.shape[1] // (len(ends) * self.config.data.clip_ms)
            wrong = wrong_keywords(self.labels, *targets)
            loss = loss + weight * peak_loss(logits, wrong, stretches(ends, logits.shape[1], let_go))
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_train_batch_start(self, batch: dict, _: int) -> None:
        if self.config.prune:
            prune(self.model.net, self.config.prune, batch["update"] + 1)

    def over_streams(self, features: Tensor) -> Tensor:
        """Logits (streams, steps, labels) of streams of features (streams, frames, 1, bins), states carried on."""
        if not self.config.training.carry_state:
            return self.net(features)[:, :, 0]
        logits, state = self.model.net.step(features, self.carried)
        self.carried = detached(state)
        return logits[:, :, 0]

    def ends(self, samples: int, steps: int) -> list[int]:
        """The steps, of all that streams have, at which their clips of so many samples end."""
        clips = self.config.training.clips_per_stream
        inner = (end_frame(self.model, clip * samples, steps, clips * samples) for clip in range(1, clips))
        return [*inner, steps - 1]

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["carried"] = self.carried

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self.carried = checkpoint.get("carried")

    def validation_step(self, batch: dict, _: int) -> None:
        logits = self(batch["audio"].float() / 32768)
        self.accuracy(logits, batch["label"])
        size = len(logits)
        self.log("val_loss", F.cross_entropy(logits, batch["label"]), batch_size=size, sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=size, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        loss = self.trainer.callback_metrics["loss"]
        if not torch.isfinite(loss):
            raise UserError(f"the loss became {loss.item()}: lower training.rates {self.config.training.rates}")

    def configure_optimizers(self) -> dict:
        training = self.config.training
        clips = self.config.trainer.get("gradient_clip_val")  # which Lightning refuses to do for fused optimisers
        rates = optimiser(training, self.model.parameters(), fused=not clips)
        schedules = torch.optim.lr_scheduler.LambdaLR(rates, schedule(training))
        return {"optimizer": rates, "lr_scheduler": {"scheduler": schedules, "interval": "step"}}


def joined(audio: Tensor, clips: int) -> Tensor:
    """Clips (batch, samples) end to end, so many to a stream: (batch / clips, clips * samples)."""
    return audio.reshape(-1, clips * audio.shape[1])


def end_frame(model: Sequential, end: int, frames: int, last: int) -> int:
    """The output frame that sees the audio up to sample `end` of a stream of `last` samples with so many frames."""
    return frames - 1 - (model.timing.frames(last) - model.timing.frames(end))


def delayed(net: Streaming) -> str | None:
    """Why the outputs of steps over a stream are not those of forward, where they are not."""
    delay = net.timing.delay
    return f"its steps run {delay} frames behind, give its layers padding causal" if delay else None


def detached(state: State) -> State:
    """A state that no gradient flows through."""
    return state.detach() if isinstance(state, Tensor) else {name: detached(inner) for name, inner in state.items()}
