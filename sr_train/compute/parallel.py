"""Several processes as one: each takes its share of a batch, gradients are those of the whole.

Every process differentiates the mean loss of its share. What crosses samples (batch statistics, a
relativistic mean) is taken over all shares by differentiable sums, so that the average of the
processes' gradients is exactly the gradient that one process has on the whole batch.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from degrade.errors import SettingsError


def rank() -> int:
    """Return this process's number; 0 writes the run's files."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Return whether this process speaks for all, known before they have joined."""
    return int(os.environ.get("RANK", "0")) == 0


def processes() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started, and yield this one's device.

    Without ``torchrun`` there is nothing to join, nor inside another ``joined``. GPUs talk by NCCL,
    CPUs by gloo.
    """
    own, alone = device, int(os.environ.get("WORLD_SIZE", "1")) == 1
    if device.type == "cuda" and not alone:
        own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(own)
    if alone or dist.is_initialized():
        yield own
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        dist.destroy_process_group()


def share(batch: int) -> slice:
    """Return which crops of every batch are this process's.

    Raises:
        SettingsError: They cannot be dealt out evenly.
    """
    if batch % processes():
        raise SettingsError(
            f"batch is {batch}, no multiple of the {processes()} processes: set batch to "
            f"{batch - batch % processes() or processes()}"
        )
    each = batch // processes()
    return slice(rank() * each, (rank() + 1) * each)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def mean_over_all(x: Tensor) -> Tensor:
    """Return the mean of ``x`` over all its elements and all processes, differentiably."""
    if processes() == 1:
        return x.mean()
    total: Tensor = _Sum.apply(x.mean())  # type: ignore[no-untyped-call]
    return total / processes()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace gradients by their mean over the processes, in one exchange."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if processes() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= processes()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose statistics in training are those of all processes' samples."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        if not self.training or processes() == 1:
            return super().forward(x)
        wide = x.float()
        moments = torch.stack((wide.mean((0, 2, 3)), wide.square().mean((0, 2, 3))))
        mean, square = _Sum.apply(moments) / processes()  # type: ignore[no-untyped-call]
        variance = (square - mean * mean).clamp(min=0)
        self._follow(mean.detach(), variance.detach(), x.numel() // x.shape[1] * processes())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        normal: Tensor = wide * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)
        return normal.to(x.dtype)

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        self.num_batches_tracked.add_(1)


def share_statistics(network: nn.Module) -> None:
    """Make every batch norm of a network one over all processes; names and weights stay."""
    if processes() == 1:
        return
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d


def agreed(values: Tensor) -> Tensor:
    """Return the mean of detached values over the processes, for records."""
    if processes() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / processes()
