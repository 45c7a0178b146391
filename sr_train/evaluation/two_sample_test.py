"""A classifier two-sample test: can a small network separate two kinds of patches?

Lopez-Paz and Oquab, "Revisiting classifier two-sample tests" (ICLR 2017), with the area under the
ROC curve for the accuracy, so that no threshold matters.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade.arrays import F64, I64, U8
from degrade.fidelity.classifier_settings import FidelitySettings
from degrade.randomness import derive, stream
from sr_train.data.crops import augmented, unit_batch

CHANNELS = (24, 32, 48, 48)
STRIDES = (1, 2, 2, 1)
JUDGED_AT_ONCE = 256
CPU = torch.device("cpu")


class PatchClassifier(nn.Module):
    """Four 3x3 convolutions, the mean over the patch, and one score: larger means more real."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside, stride in zip((3, *CHANNELS), CHANNELS, STRIDES, strict=False):
            layers += [
                nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outside),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers)
        self.score = nn.Linear(CHANNELS[-1], 1)

    def forward(self, patches: Tensor) -> Tensor:
        """Return the scores [B] of patches [B, 3, h, w] in [0, 1]."""
        features = self.layers(patches - 0.5).mean((2, 3))
        score: Tensor = self.score(features)[:, 0]
        return score


def two_sample_auc(
    real: U8, other: U8, trained: I64, judged: I64, settings: FidelitySettings, seed: int
) -> float:
    """Train a classifier on some photos, judge it on others.

    Args:
        real: [photos, n, P, P, 3].
        other: [photos, m, P, P, 3], of the same photos.
        trained: Photos to train on.
        judged: Photos to judge on, none of them trained on.
        settings: Of the training.
        seed: Of the weights and batches.

    Returns:
        Area under the ROC curve on the judged photos; 0.5 where it guesses.
    """
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "classifier"))
        network = PatchClassifier().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    half = settings.batch // 2
    labels = torch.cat([torch.ones(half), torch.zeros(half)])
    for step in range(settings.steps):
        rng = stream(seed, "classifier-batch", step)
        patches = np.concatenate([_drawn(pool, trained, half, rng) for pool in (real, other)])
        turns = torch.from_numpy(rng.integers(2, size=(3, 2 * half)).astype(bool))
        scores = network(augmented(unit_batch(patches, CPU), turns.unbind()))
        loss = F.binary_cross_entropy_with_logits(scores, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return area_under_curve(*(_scores(network, pool[judged]) for pool in (real, other)))


def area_under_curve(positive: F64, negative: F64) -> float:
    """Return the probability that a positive's score is the larger one, ties counting half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * len(negative)))


def _drawn(pool: U8, photos: I64, count: int, rng: np.random.Generator) -> U8:
    """Return random patches [count, P, P, 3], every photo as likely."""
    drawn: U8 = pool[rng.choice(photos, count), rng.integers(pool.shape[1], size=count)]
    return drawn


@torch.inference_mode()
def _scores(network: PatchClassifier, pool: U8) -> F64:
    network.eval()
    patches = pool.reshape(-1, *pool.shape[2:])
    parts = [
        network(unit_batch(patches[first : first + JUDGED_AT_ONCE], CPU)).double().numpy()
        for first in range(0, len(patches), JUDGED_AT_ONCE)
    ]
    return np.concatenate(parts)
