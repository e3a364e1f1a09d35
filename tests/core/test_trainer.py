"""Training on several workers takes the steps of one, ends early if asked to, and resumes where it was killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.settings import settings_of
from cartograph.core.training.feed import Batch, Feed, batches, materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.trainer import Epoch, Trained, share_of_rate, train

N = 70  # rows: with batches of 16, the last one is short, and for some workers empty
CONFIG = TrainingConfig(
    epochs=3, batch_size=16, learning_rate=0.05, shuffle_rows=0, warmup_steps=0, decay="linear", clip_norm=0.0
)


def changed(config: TrainingConfig, **values: Any) -> TrainingConfig:
    return settings_of(TrainingConfig, config, values)


@dataclass(frozen=True)
class Regression:
    """A small network that learns the sum of three numbers; `mark` is a file of the steps until it kills its worker."""

    is_joint: ClassVar[bool] = False

    mark: str = ""

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        mark = Path(self.mark)
        if self.mark and mark.exists():
            left = int(mark.read_text())
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            mark.write_text(str(left - 1))
        errors = network(batch["x"])[:, 0] - batch["y"]
        return (errors**2).sum(), len(errors)

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        errors = network(batch["x"])[:, 0] - batch["y"]
        return -float((errors**2).sum()), len(errors)


@pytest.fixture(scope="module")
def feeds(spark: SparkSession) -> Iterator[dict[int, Feed]]:
    """The same rows for one worker and for two."""
    numbers = [F.pmod(F.xxhash64("id", F.lit(place)), F.lit(100)).cast("float") / 100 for place in range(3)]
    rows = spark.range(N).select(F.array(*[x.cast("float") for x in numbers]).alias("x"))
    rows = rows.withColumn("y", F.aggregate("x", F.lit(0.0), lambda total, x: total + x))
    with materialised(rows, 1, "arrow") as one, materialised(rows, 2, "arrow") as two:
        yield {1: one, 2: two}


def weights(trained: Trained) -> torch.Tensor:
    tensors = trained.weights.tensors()
    return torch.cat([tensors[name].ravel() for name in sorted(tensors)])


def by_hand(feed: Feed) -> torch.Tensor:
    """The weights that plain PyTorch reaches with the same batches."""
    torch.manual_seed(CONFIG.seed)
    task = Regression()
    network = task.network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=CONFIG.learning_rate, weight_decay=0.0)
    for step in range(15):
        epoch, place = divmod(step, 5)
        batch = list(batches(feed, 0, 16, epoch))[place]
        optimiser.zero_grad()
        loss, n = task.loss(network, batch)
        (loss / n).backward()
        optimiser.param_groups[0]["lr"] = CONFIG.learning_rate * (1 - step / 15)
        optimiser.step()
    state = network.state_dict()
    return torch.cat([state[name].ravel() for name in sorted(state)])


def test_any_number_of_workers_takes_the_steps_of_one(spark: SparkSession, feeds: dict[int, Feed]) -> None:
    alone, together = (train(spark, Regression(), feeds[n], CONFIG) for n in (1, 2))
    torch.testing.assert_close(weights(alone), by_hand(feeds[1]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights(together), weights(alone), rtol=1e-4, atol=1e-5)
    losses = [[epoch["loss"] for epoch in trained.epochs] for trained in (alone, together)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] == sorted(losses[0], reverse=True)
    assert [epoch["epoch"] for epoch in together.epochs] == [1, 2, 3]


def test_a_killed_training_resumes_at_its_last_saved_step(
    spark: SparkSession, feeds: dict[int, Feed], tmp_path: Path
) -> None:
    """Stages of four steps end in the middle of epochs; a worker is killed in the third stage."""
    config = changed(CONFIG, checkpoint_every=4, shuffle_rows=20)
    mark = tmp_path / "steps-left"
    task, reported, threads = Regression(mark=str(mark)), [], set()

    def on_epoch(epoch: Epoch) -> None:
        reported.append(epoch["epoch"])
        threads.add(threading.current_thread())

    mark.write_text("9")
    single = train(spark, Regression(), feeds[1], changed(config, checkpoint_every=0))
    with pytest.raises(Exception, match=r"(?i)exited|lost|crashed|EOF|barrier"):
        train(spark, task, feeds[1], config, on_epoch=on_epoch)
    assert reported == [1]
    mark.write_text("7")  # four steps of the third stage and three of the last: one more would kill it
    found = train(spark, task, feeds[1], config, on_epoch=on_epoch)
    assert sorted(reported) == [1, 1, 2, 3]  # the first one is reported again after resuming
    assert len(threads) > 1  # while a stage ran, not after it
    assert mark.read_text() == "0"  # exactly the seven steps that had not been saved
    torch.testing.assert_close(weights(found), weights(single), rtol=1e-6, atol=1e-7)
    assert [epoch["loss"] for epoch in found.epochs] == pytest.approx([epoch["loss"] for epoch in single.epochs])


def test_training_ends_early_with_the_weights_of_the_best_epoch(spark: SparkSession, feeds: dict[int, Feed]) -> None:
    """At this rate the first epochs get better and later ones worse."""
    config = changed(CONFIG, epochs=60, patience=2, learning_rate=0.3, decay="constant")
    trained = train(spark, Regression(), feeds[2], config, validation=feeds[2])
    qualities = [epoch["quality"] for epoch in trained.epochs]
    best = qualities.index(max(qualities))
    assert len(qualities) == best + 3 < 60
    until_best = train(spark, Regression(), feeds[2], changed(config, epochs=best + 1, patience=0))
    torch.testing.assert_close(weights(trained), weights(until_best), rtol=1e-5, atol=1e-6)


def test_stopping_early_without_validation_rows_is_refused(spark: SparkSession, feeds: dict[int, Feed]) -> None:
    with pytest.raises(ValueError, match="patience of 2 epochs needs validation rows"):
        train(spark, Regression(), feeds[1], changed(CONFIG, patience=2))


def test_the_rate_warms_up_and_falls() -> None:
    def shares(**settings: Any) -> list[float]:
        config = changed(CONFIG, warmup_steps=2, **settings)
        return [round(share_of_rate(config, step, 6), 3) for step in range(6)]

    assert shares(decay="constant") == [0.5, 1, 1, 1, 1, 1]
    assert shares(decay="linear") == [0.5, 1, 1, 0.75, 0.5, 0.25]
    assert shares(decay="cosine") == [0.5, 1, 1, 0.854, 0.5, 0.146]
