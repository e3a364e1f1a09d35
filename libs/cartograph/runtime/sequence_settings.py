"""Section `sequence` of the settings: networks that read histories in their order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import AboveZero, NotNegative, Positive, Section, Share
from cartograph.runtime.training_settings import TrainingSettings

SequenceModelName = Literal["first_order", "next_basket", "lstm", "gru", "transformer"]
EventType = Literal["view", "cart", "purchase", "rating"]


class FirstOrderSettings(Section):
    """sequence.first_order.FirstOrder."""

    max_length: Positive
    n_neighbours: Positive


class RepurchasesSettings(Section):
    """sequence.repurchases.Rhythm, and whether the table is made."""

    enabled: bool
    horizon_days: Positive
    prior_intervals: AboveZero
    prior_own: AboveZero


class NextBasketSettings(Section):
    """sequence.next_basket.NextBasket."""

    basket: Literal["order", "day"]
    horizon_days: Positive | None
    prior_intervals: AboveZero
    prior_own: AboveZero
    explore: NotNegative
    n_neighbours: Positive
    min_count: Positive
    shrinkage: NotNegative
    newest: Positive
    mask_seen: bool


class SequenceTrainingSettings(TrainingSettings):
    """sequence.model.SequenceModel: what the networks share."""

    max_length: Positive
    newest: Positive
    guests: bool
    max_products: Positive | None
    inputs: tuple[Literal["event_type", "gap", "price", "content"], ...]
    loss: Literal["full", "sampled"]
    n_sampled: Positive
    validation_share: Annotated[float, Field(ge=0, lt=1)]


class NetworkSettings(Section):
    """sequence.lstm.Lstm and sequence.gru.Gru."""

    width: Positive
    depth: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    similarity: Literal["dot", "cosine"]
    temperature: AboveZero
    smoothing: Share
    epochs: Positive
    learning_rate: AboveZero
    weight_decay: NotNegative


class TransformerSettings(NetworkSettings):
    """sequence.transformer.Transformer."""

    heads: Positive


class SequenceSettings(Section):
    """Purchase sequences."""

    k: Positive
    models: tuple[SequenceModelName, ...]
    active_days: Positive | None
    history: Positive
    customer_vectors: bool
    attributed_products: Annotated[int, Field(ge=0)]
    attributed_places: Positive
    event_types: tuple[EventType, ...]
    repurchases: RepurchasesSettings
    first_order: FirstOrderSettings
    next_basket: NextBasketSettings
    training: SequenceTrainingSettings
    lstm: NetworkSettings
    gru: NetworkSettings
    transformer: TransformerSettings
