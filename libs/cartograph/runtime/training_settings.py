"""What the settings of all networks share: how a group of workers trains them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import NotNegative, Positive, Section, Seed


class TrainingSettings(Section):
    """core.trainer.Schedule as far as all models of a step share it, and the group."""

    batch_size: Positive
    warmup_steps: Annotated[int, Field(ge=0)]
    decay: Literal["constant", "linear", "cosine"]
    clip_norm: NotNegative
    patience: Annotated[int, Field(ge=0)]
    checkpoint_every: Annotated[int, Field(ge=0)]
    device: Literal["cpu", "cuda"]
    workers: Positive | None
    backend: Literal["petastorm", "arrow"]
    seed: Seed
