"""Settings of training on a group of workers: those that the networks of a step share, and those of one network."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from cartograph.core.settings import AboveZero, Count, NotNegative, Positive, Section, Seed


class TrainingSettings(Section):
    """How networks are trained by a group of workers; what all models of a step share."""

    batch_size: Positive = Field(default=256, description="customers or histories per step, over all workers")
    warmup_steps: Count = Field(
        default=100, description="steps over which the learning rate rises linearly to its maximum"
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="of the learning rate after that: constant, or linear or cosine down to 0"
    )
    clip_norm: NotNegative = Field(default=5.0, description="largest norm of the gradient; 0: no limit")
    patience: Count = Field(
        default=0,
        description="stop after this many epochs without improvement of the validation metric; 0: never stop early",
    )
    checkpoint_every: Count = Field(
        default=0, description="steps between checkpoints in spark.checkpoint_dir, to resume from; 0: no checkpoints"
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="cuda, if every worker has a GPU")
    workers: Positive | None = Field(
        default=None,
        description="size of the training group, all at once; null: one per core, each with at least 32 rows of a step",
    )
    backend: Literal["petastorm", "arrow"] = Field(
        default="petastorm", description="reads the training rows: petastorm, or arrow where it is not installed"
    )
    seed: Seed = Field(default=7, description="of initial weights, row order, sampling and dropout")


class TrainingConfig(TrainingSettings):
    """How one network is trained: what the networks of a step share, and what is its own."""

    epochs: Positive = Field(default=10, description="maximum number of passes over the rows")
    learning_rate: AboveZero = Field(default=1e-3, description="of AdamW, at its maximum")
    weight_decay: NotNegative = Field(default=0.0, description="of AdamW, on matrices only")
    shuffle_rows: Count = Field(default=100_000, description="rows that a worker shuffles together; 0: none")

    @classmethod
    def of(cls, shared: TrainingSettings, *, epochs: int, learning_rate: float, weight_decay: float = 0.0) -> Self:
        """The config of a network from the settings of its step and its own."""
        common = {name: getattr(shared, name) for name in TrainingSettings.model_fields}
        return cls(**common, epochs=epochs, learning_rate=learning_rate, weight_decay=weight_decay)
