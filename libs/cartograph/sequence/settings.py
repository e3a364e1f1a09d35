"""Section `sequence` of the settings: networks that read histories in their order."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import (
    AboveZero,
    Count,
    ModelSettings,
    ModelsSection,
    NotNegative,
    Positive,
    Section,
    Share,
)
from cartograph.core.training.settings import TrainingSettings

EventType = Literal["view", "cart", "purchase", "rating"]
Input = Literal["event_type", "gap", "price", "content"]

EVENTS: tuple[EventType, ...] = ("view", "cart", "purchase", "rating")  # that make up a history


class FirstOrderSettings(ModelSettings):
    """First-order Markov chain: what followed the last product; the baseline."""

    max_length: Positive = Field(default=200, description="newest events of a customer that count")
    n_neighbours: Positive = Field(default=100, description="products kept per product; at least k")


class IntervalSettings(Section):
    """How far the intervals between purchases of all products and of all customers count."""

    prior_intervals: AboveZero = Field(
        default=10.0, description="weight of all products' intervals in those of one product, in intervals"
    )
    prior_own: AboveZero = Field(
        default=3.0, description="weight of the product's intervals in those of one customer, in intervals"
    )


class RepurchaseSettings(IntervalSettings):
    """When customers buy again what they bought: gold.repurchases."""

    enabled: bool = Field(default=False, description="false: the table is not written")
    horizon_days: Positive = Field(
        default=30, description="probabilities are of a purchase within this many days from as_of"
    )


class NextBasketSettings(ModelSettings, IntervalSettings):
    """The next basket: products due to be bought again, and new ones that follow the last basket."""

    basket: Literal["order", "day"] = Field(
        default="order", description="order, or day: all that a customer bought on one day"
    )
    horizon_days: Positive | None = Field(
        default=None, description="time to the next basket; null: the median over all customers"
    )
    explore: NotNegative = Field(
        default=0.3, description="weight of probabilities of new products, relative to those bought before"
    )
    n_neighbours: Positive = Field(default=100, description="products kept that follow a product; at least k")
    min_count: Positive = Field(default=2, description="minimum number of baskets in which a pair followed")
    shrinkage: NotNegative = Field(
        default=10.0, description="shrinks shares of rare products: by half at this many baskets"
    )
    newest: Positive = Field(
        default=50, description="products of a basket that are considered; work grows with the square"
    )
    mask_seen: bool = Field(default=False, description="true: only what the customer has not seen (section seen)")


class SequenceTrainingSettings(TrainingSettings):
    """Training of the networks: data, loss and optimisation."""

    max_length: Positive = Field(default=50, description="context length: events that a prediction is made from")
    newest: Positive = Field(
        default=1000, description="newest events of a customer to train on, in windows of max_length"
    )
    guests: bool = Field(default=True, description="train on sessions of anonymous visitors, too")
    max_products: Positive | None = Field(
        default=50000,
        description="best sellers that are modelled, null: all; each step synchronises 4 bytes times width for each",
    )
    inputs: tuple[Input, ...] = Field(
        default=(),
        description="features beside the product: event_type, gap (time since the last event), price, content (embed)",
    )
    loss: Literal["full", "sampled"] = Field(
        default="full",
        description="full: softmax over all products; sampled: over n_sampled of them, for large catalogues",
    )
    n_sampled: Positive = Field(default=1024, description="negative samples per batch")
    validation_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="customers whose last product is held out to measure NDCG@10 after each epoch"
    )

    @model_validator(mode="after")
    def _can_stop_early(self) -> Self:
        if self.patience and not self.validation_share:
            raise ValueError("patience needs validation_share")
        return self


class ArchitectureSettings(ModelSettings):
    """The architecture of a network and its optimiser."""

    needs_torch = True

    width: Positive = Field(default=64, description="embedding dimension: memory and time grow with it")
    depth: Positive = Field(default=1, description="layers")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.5, description="dropout rate: the sparser the data, the higher"
    )
    similarity: Literal["dot", "cosine"] = Field(
        default="dot", description="score: dot product, or cosine divided by temperature"
    )
    temperature: AboveZero = Field(default=0.1, description="of cosine")


class NetworkSettings(ArchitectureSettings):
    """Settings of a single network."""

    smoothing: Share = Field(default=0.0, description="label smoothing, with the full loss")
    epochs: Positive = Field(default=20, description="maximum number of epochs")
    learning_rate: AboveZero = Field(default=0.002, description="of AdamW, at its maximum")
    weight_decay: NotNegative = Field(default=0.01, description="of AdamW, on matrices only")


class TransformerSettings(NetworkSettings):
    """Self-attention over the history."""

    depth: Positive = Field(default=2, description="layers")
    heads: Positive = Field(default=2, description="attention heads; width is a multiple of them")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads, {self.heads}")
        return self


class NetworkTables(Section):
    """Tables that networks have beside their lists."""

    customer_vectors: bool = Field(
        default=True, description="write gold.user_vectors: the mean of a network's states over the customer's history"
    )
    attributed_products: Count = Field(
        default=5,
        description="newest products of a history that are left out in turn, to attribute a network's scores to them; "
        "0: gold.attributions is not written",
    )
    attributed_places: Positive = Field(
        default=20, description="ranks of a customer's list that have attributions in gold.attributions"
    )


class SequenceSettings(NetworkTables, ModelsSection):
    """Purchase sequences."""

    k: Positive = Field(default=50, description="candidates kept per model and customer, associations per product")
    models: tuple[str, ...] = Field(
        default=(), description="of first_order, next_basket, lstm, gru, transformer: fitted in this order; []: none"
    )
    active_days: Positive | None = Field(
        default=None, description="customers with an event in this many days before as_of get candidates; null: all"
    )
    history: Positive = Field(default=500, description="newest events of a customer that are recommended from")
    event_types: tuple[EventType, ...] = Field(default=EVENTS, description="events that make up a history")
    repurchases: RepurchaseSettings = Field(
        default=RepurchaseSettings(), description="gold.repurchases: when customers buy again what they bought"
    )
    first_order: FirstOrderSettings = Field(
        default=FirstOrderSettings(), description="what came right after the last product: the baseline"
    )
    next_basket: NextBasketSettings = Field(
        default=NextBasketSettings(), description="what is due again, and what is new after the last basket"
    )
    training: SequenceTrainingSettings = Field(
        default=SequenceTrainingSettings(), description="training of the networks: data, loss and optimisation"
    )
    lstm: NetworkSettings = Field(default=NetworkSettings(), description="long short-term memory over the history")
    gru: NetworkSettings = Field(default=NetworkSettings(), description="gated recurrent units over the history")
    transformer: TransformerSettings = Field(
        default=TransformerSettings(), description="self-attention over the history"
    )
