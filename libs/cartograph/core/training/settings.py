"""What the settings of all networks share: how a group of workers trains them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cartograph.core.settings import Count, NotNegative, Positive, Section, Seed


class TrainingSettings(Section):
    """How networks are trained by a group of workers; what all models of a step share."""

    batch_size: Positive = Field(default=256, description="customers or histories per step, over all workers")
    warmup_steps: Count = Field(default=100, description="steps in which the learning rate grows from 0 …")
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="… and then: constant, linear, cosine (falls to 0 until the last epoch)"
    )
    clip_norm: NotNegative = Field(default=5.0, description="longest gradient; 0: any length")
    patience: Count = Field(
        default=0, description="epochs without improvement after which training ends; 0: never. Needs validation"
    )
    checkpoint_every: Count = Field(
        default=0, description="steps after which the state is saved in spark.checkpoint_dir, to resume from; 0: never"
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="cuda, if every worker has a GPU")
    workers: Positive | None = Field(
        default=None, description="of the group, all at once; null: one per core, each with 32 rows of a step or more"
    )
    backend: Literal["petastorm", "arrow"] = Field(
        default="petastorm", description="what feeds rows to the workers: petastorm, or arrow where that is missing"
    )
    seed: Seed = Field(default=7, description="of weights, order, sampling and dropout")
