"""The state of training between two steps, as rows that Spark can save."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import load, save
from torch import nn

STATE = "file string, part int, content binary"
_PART_BYTES = 16 << 20  # of a row
_NUMBERS = ("step", "ended", "epochs", "loss", "n_examples", "seconds")

Tensors = dict[str, torch.Tensor]


@dataclass
class State:
    """Weights, the optimiser's moments, the best weights so far, and the progress."""

    network: Tensors = field(default_factory=dict)
    optimiser: Tensors = field(default_factory=dict)
    best: Tensors = field(default_factory=dict)
    step: int = 0
    ended: bool = False
    epochs: list[dict[str, float]] = field(default_factory=list)
    loss: float = 0.0  # sums of the epoch so far
    n_examples: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, loss: float, n_examples: int) -> None:
        """Adds a step's sums to the epoch's."""
        self.loss += loss
        self.n_examples += n_examples

    def end_epoch(self, quality: float | None) -> None:
        """Records the epoch's metrics and begins the next epoch."""
        now = time.monotonic()
        epoch = {
            "epoch": len(self.epochs) + 1,
            "loss": self.loss / max(self.n_examples, 1),
            "seconds": round(self.seconds + now - self.started, 3),
        }
        self.epochs.append(epoch if quality is None else {**epoch, "quality": quality})
        self.loss, self.n_examples, self.seconds, self.started = 0.0, 0, 0.0, now

    def is_best(self) -> bool:
        """Whether no epoch before the last one was as good."""
        return all(epoch["quality"] < self.epochs[-1]["quality"] for epoch in self.epochs[:-1])

    def epochs_since_best(self) -> int:
        """Epochs after the best one."""
        qualities = [epoch["quality"] for epoch in self.epochs]
        return len(qualities) - 1 - qualities.index(max(qualities))

    def keep(self, network: nn.Module) -> None:
        """Remembers the present weights as the best."""
        self.best = {name: values.detach().cpu().clone() for name, values in network.state_dict().items()}

    def put_into(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Loads the state into the network and the optimiser, unless it is the initial one."""
        self.started = time.monotonic()
        if not self.step:
            return
        network.load_state_dict(self.network)
        groups = optimiser.state_dict()["param_groups"]
        moments: dict[int, Tensors] = {}
        for name, values in self.optimiser.items():
            number, _, moment = name.partition(".")
            moments.setdefault(int(number), {})[moment] = values
        optimiser.load_state_dict({"state": moments, "param_groups": groups})

    def take_from(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Copies the state of the network and the optimiser."""
        self.network = {name: values.detach().cpu() for name, values in network.state_dict().items()}
        self.optimiser = {
            f"{number}.{moment}": values.detach().cpu()
            for number, moments in optimiser.state_dict()["state"].items()
            for moment, values in moments.items()
        }
        self.seconds += time.monotonic() - self.started


def seconds_per_epoch(epochs: Sequence[dict[str, float]]) -> float | None:
    """The mean over all epochs but the first, which includes warm-up; None without epochs."""
    seconds = [epoch["seconds"] for epoch in epochs[1:] or epochs]
    return round(sum(seconds) / len(seconds), 3) if seconds else None


def rows_of(state: State) -> Iterator[pa.RecordBatch]:
    """The state as rows: file, part, content."""
    numbers = json.dumps({name: getattr(state, name) for name in _NUMBERS}).encode()
    files = {"progress": numbers, "network": save(state.network)}
    files |= {name: save(getattr(state, name)) for name in ("optimiser", "best") if getattr(state, name)}
    for file, content in files.items():
        for part, start in enumerate(range(0, len(content), _PART_BYTES)):
            columns: list[Any] = [[file], pa.array([part], pa.int32()), [content[start : start + _PART_BYTES]]]
            yield pa.RecordBatch.from_arrays(
                [pa.array(columns[0]), columns[1], pa.array(columns[2], pa.binary())], names=["file", "part", "content"]
            )


def state_of(batches: Iterable[pa.RecordBatch]) -> State:
    """The state that the rows hold; the initial state if there are none."""
    parts = {(row["file"], row["part"]): row["content"] for batch in batches for row in batch.to_pylist()}
    files: dict[str, bytes] = {}
    for (file, _), content in sorted(parts.items()):
        files[file] = files.get(file, b"") + content
    if not files:
        return State()
    tensors: dict[str, Any] = {name: load(content) for name, content in files.items() if name != "progress"}
    return State(**tensors, **json.loads(files["progress"]))
