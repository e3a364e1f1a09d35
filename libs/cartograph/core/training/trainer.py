"""Training of networks on a worker group: one loop for all of them.

Every worker holds the whole network and reads its own shard of the rows. A step sums the gradients of all workers and
divides by the number of examples in all of them: it is the step that one worker would take with the whole batch.
Gradients are summed by `torch.distributed`: gloo between CPUs, nccl between GPUs, which also use mixed precision.

Training runs in stages of the group. After each, Spark saves the state; the next stage, or the next run of a job that
was killed, resumes at the same step with the same results: random numbers depend on seed, step and worker alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.training.feed import Batch, Feed, batches
from cartograph.core.training.group import TrainingGroup, training_group
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.state import STATE, State, rows_of, state_of
from cartograph.core.training.weights import Weights
from cartograph.core.workers.checkpoints import Checkpoints
from cartograph.core.workers.groups import Group, placed, run_group
from cartograph.core.workers.reports import Reporter, reports

Epoch = dict[str, float]


class TrainingTask(Protocol):
    """A network and its objective: a frozen dataclass, since it is sent to the workers and identifies the run.

    `is_joint`: computing a loss needs all workers at once, so none may skip a batch, not even one without rows.
    """

    is_joint: ClassVar[bool]

    def network(self) -> nn.Module:
        """The network with its initial weights."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the losses of a batch's examples, and how many examples there are."""

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """The sum of the validation metric (more is better) over a batch, and over how many examples."""


@dataclass(frozen=True)
class Trained:
    """The weights, and the metrics of every epoch: epoch, loss, seconds and, if there are validation rows, quality."""

    weights: Weights
    epochs: list[Epoch]


def train(
    spark: SparkSession,
    task: TrainingTask,
    feed: Feed,
    config: TrainingConfig,
    validation: Feed | None = None,
    metadata: Mapping[str, Any] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """The network trained on the rows of `feed`, by one worker per shard.

    Args:
        spark: where the group runs.
        task: the network and its loss.
        feed: the rows.
        config: epochs, batch size, optimiser, early stopping, checkpoints.
        validation: rows that `task.quality` is measured on after every epoch, in the same number of shards.
        metadata: kept with the weights.
        on_epoch: called with each epoch as it ends, from another thread; without a connection, after its stage.

    Raises:
        ValueError: early stopping without validation rows.
        TooFewSlots: fewer free cores than shards.
    """
    if config.patience and validation is None:
        raise ValueError(f"patience of {config.patience} epochs needs validation rows")
    n_shards = len(feed.files)
    batch_size = -(-config.batch_size // n_shards)
    n_steps = config.epochs * feed.n_batches(batch_size)
    every = config.checkpoint_every or max(n_steps, 1)
    checkpoints = Checkpoints(spark, "trained", _digest(task, config, feed, validation)) if every < n_steps else None
    done, saved = checkpoints.newest(STATE) if checkpoints else (0, None)
    report = _ReportOnce(on_epoch)
    while True:
        with reports(spark, report) as reporter:
            work = partial(
                train_stage, task=task, feed=feed, config=config, validation=validation,
                batch_size=batch_size, last_step=min(done + every, n_steps), reporter=reporter,
            )  # fmt: skip
            stage = run_group(_worker_inputs(spark, saved, n_shards), work, STATE)
        summary: dict[str, Any] = json.loads(stage.where("file = 'progress'").collect()[0]["content"])
        for epoch in summary["epochs"]:
            report(epoch)
        done = summary["step"]
        if summary["ended"] or done >= n_steps:
            break
        saved = checkpoints.saved(done, stage) if checkpoints else stage
    state = state_of(stage.toArrow().to_batches())
    if checkpoints:
        checkpoints.clear()
    return Trained(Weights.of(state.best or state.network, metadata or {}), state.epochs)


class _ReportOnce:
    """Calls `on_epoch` once for each epoch, however often it is reported."""

    def __init__(self, on_epoch: Callable[[Epoch], None] | None) -> None:
        self._on_epoch = on_epoch
        self._reported: set[float] = set()

    def __call__(self, epoch: Epoch) -> None:
        if self._on_epoch and epoch["epoch"] not in self._reported:
            self._on_epoch(epoch)
            self._reported.add(epoch["epoch"])


def train_stage(
    group: Group,
    state_rows: Iterable[pa.RecordBatch],
    task: TrainingTask,
    feed: Feed,
    config: TrainingConfig,
    validation: Feed | None,
    batch_size: int,
    last_step: int,
    reporter: Reporter | None = None,
) -> Iterator[pa.RecordBatch]:
    """One worker's part of a stage, from a state to `last_step`; rank 0 yields the state after it."""
    with training_group(group, config.device) as together:
        torch.manual_seed(config.seed)
        network = task.network().to(together.device)
        optimiser = torch.optim.AdamW(_parameters(network, config), lr=config.learning_rate)
        state = state_of(state_rows)
        state.put_into(network, optimiser)
        n_batches = feed.n_batches(batch_size)
        while state.step < last_step and not state.ended:
            epoch, first = divmod(state.step, n_batches)
            parts = batches(feed, group.rank, batch_size, epoch, config.shuffle_rows, config.seed, first)
            for batch in parts:
                if state.step >= last_step:
                    break
                _step(together, network, optimiser, task, batch, config, state, config.epochs * n_batches)
            if state.step % n_batches == 0 and state.step > epoch * n_batches:
                parts.close()
                _end_epoch(together, network, task, validation, config, batch_size, state)
                if reporter and group.rank == 0:
                    reporter.send(state.epochs[-1])
        state.take_from(network, optimiser)
        if group.rank == 0:
            yield from rows_of(state)


def _step(
    together: TrainingGroup,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    task: TrainingTask,
    batch: Batch,
    config: TrainingConfig,
    state: State,
    n_steps: int,
) -> None:
    """One step of all workers."""
    torch.manual_seed(hash((config.seed, state.step, together.rank)))
    network.train()
    optimiser.zero_grad()
    loss, n_examples = torch.zeros(()), 0
    if task.is_joint or len(next(iter(batch.values()))):
        with together.precision():
            loss, n_examples = task.loss(network, together.on_device(batch))
        if task.is_joint or n_examples:
            loss.backward()  # type: ignore[no-untyped-call]
    total, n_total = together.sum_gradients(network, float(loss.detach()), n_examples)
    state.add(total, n_total)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    for parameters in optimiser.param_groups:
        parameters["lr"] = config.learning_rate * share_of_rate(config, state.step, n_steps)
    optimiser.step()
    state.step += 1


def share_of_rate(config: TrainingConfig, step: int, n_steps: int) -> float:
    """The learning rate of a step as a share of the maximum."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(n_steps - config.warmup_steps, 1)
    decayed = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + torch.cos(torch.tensor(torch.pi * done)).item()) / 2}
    return decayed[config.decay]


def _end_epoch(
    together: TrainingGroup,
    network: nn.Module,
    task: TrainingTask,
    validation: Feed | None,
    config: TrainingConfig,
    batch_size: int,
    state: State,
) -> None:
    """Records the metrics of the epoch, keeps the best weights, and stops early if they are not recent."""
    quality = None if validation is None else _quality(together, network, task, validation, batch_size)
    state.end_epoch(quality)
    if not config.patience or quality is None:
        return
    if state.is_best():
        state.keep(network)
    state.ended = state.epochs_since_best() >= config.patience


def _quality(
    together: TrainingGroup, network: nn.Module, task: TrainingTask, validation: Feed, batch_size: int
) -> float:
    """The mean of the validation metric over all workers' rows."""
    network.eval()
    total, n_total = 0.0, 0
    with torch.inference_mode(), together.precision():
        for batch in batches(validation, together.rank, batch_size):
            if task.is_joint or len(next(iter(batch.values()))):
                value, n_examples = task.quality(network, together.on_device(batch))
                total, n_total = total + value, n_total + n_examples
    total, n_total = together.sum_numbers(total, n_total)
    return total / max(n_total, 1)


def _parameters(network: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Parameter groups: matrices with weight decay, all others without."""
    named = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [one for one in named if one.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [one for one in named if one.dim() <= 1], "weight_decay": 0.0},
    ]


def _worker_inputs(spark: SparkSession, state: DataFrame | None, n_workers: int) -> DataFrame:
    """The input of each worker, one partition each: the whole state, or nothing."""
    if state is None:
        return spark.createDataFrame([], STATE).repartition(n_workers)
    ranks = spark.range(n_workers).select(F.col("id").cast("int").alias("block"))
    return placed(state.crossJoin(ranks), "block", n_workers)


def _digest(task: TrainingTask, config: TrainingConfig, feed: Feed, validation: Feed | None) -> str:
    """Identifies the work: equal only for the same rows, network, config and number of workers."""
    described = repr((task, config, feed.digest, len(feed.files), validation and validation.digest))
    return hashlib.sha256(described.encode()).hexdigest()[:16]
