"""A group of workers that train together: devices, and sums of gradients and metrics over all workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from pyspark import TaskContext
from torch import nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # made in C, so not listed

from cartograph.core.training.feed import Batch
from cartograph.core.workers.groups import Group


@dataclass(frozen=True)
class TrainingGroup:
    """One worker's view of those it trains with."""

    rank: int
    size: int
    device: torch.device

    def sum_gradients(self, network: nn.Module, loss: float, n_examples: int) -> tuple[float, int]:
        """Makes each gradient the mean over all workers' examples; returns the sum of losses and of examples.

        All gradients are reduced as one vector, together with the two numbers.
        """
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
        numbers = torch.tensor([loss, n_examples], device=self.device)
        flat = torch.cat([*(part.reshape(-1).float() for part in parts), numbers])
        self._sum(flat)
        total, n_total = float(flat[-2]), int(flat[-1])
        flat /= max(n_total, 1)
        sizes = [one.numel() for one in parameters]
        for one, gradient in zip(parameters, torch.split(flat[:-2], sizes), strict=True):
            one.grad = gradient.view_as(one).to(one.dtype)
        return total, n_total

    def sum_numbers(self, value: float, count: int) -> tuple[float, int]:
        """The sums of two numbers over all workers."""
        numbers = torch.tensor([value, count], dtype=torch.float64, device=self.device)
        self._sum(numbers)
        return float(numbers[0]), int(numbers[1])

    def on_device(self, batch: Batch) -> Batch:
        """The batch on the device of the network."""
        return {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}

    def precision(self) -> AbstractContextManager[Any]:
        """Matrix products in bfloat16 on GPUs that support it: half the time, and no loss scaling needed."""
        if self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _sum(self, values: torch.Tensor) -> None:
        if self.size > 1:
            dist.all_reduce(values)


@contextmanager
def training_group(group: Group, device: str) -> Iterator[TrainingGroup]:
    """The members of `group`, joined by `torch.distributed` for as long as the block lasts."""
    own = _device(group, device)
    torch.set_num_threads(_cores())
    if group.size == 1:
        yield TrainingGroup(0, 1, own)
        return
    timeout = timedelta(seconds=group.timeout_seconds)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    store = _store(group, timeout)
    backend = "nccl" if own.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=group.rank, world_size=group.size, timeout=timeout)
    try:
        yield TrainingGroup(group.rank, group.size, own)
    finally:
        dist.destroy_process_group()


def _store(group: Group, timeout: timedelta) -> Any:
    """The rendezvous store: hosted by rank 0, which sends its port to the others."""
    if group.rank == 0:
        store = TCPStore(group.first_host, 0, group.size, True, timeout, wait_for_workers=False)
        group.exchange([np.array([store.port])] * group.size)
        return store
    port = int(group.exchange([np.array([0])] * group.size)[0][0])
    return TCPStore(group.first_host, port, group.size, False, timeout)


def _device(group: Group, device: str) -> torch.device:
    """The worker's own device: the GPU that Spark assigned to the task, or one by rank.

    Raises:
        RuntimeError: the worker has no GPU.
    """
    if device == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise RuntimeError(f"device is {device}, and worker {group.rank} sees no GPU: set device to cpu")
    task = TaskContext.get()
    assigned = task.resources()["gpu"].addresses if task is not None and "gpu" in task.resources() else []
    return torch.device("cuda", int(assigned[0]) if assigned else group.rank % torch.cuda.device_count())


def _cores() -> int:
    """CPU cores of a task, as Spark counts them."""
    task = TaskContext.get()
    return task.cpus() if task is not None else int(os.environ.get("OMP_NUM_THREADS", "1"))
