"""Section `sequence` of the settings: networks that read histories in their order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import AboveZero, NotNegative, Positive, Section, Share
from cartograph.core.training.settings import TrainingSettings

SequenceModelName = Literal["first_order", "next_basket", "lstm", "gru", "transformer"]

EventType = Literal["view", "cart", "purchase", "rating"]


class FirstOrderSettings(Section):
    """sequence.first_order.FirstOrder."""

    max_length: Positive = Field(default=200, description="newest events of a customer that count")
    n_neighbours: Positive = Field(default=100, description="products kept per product; at least k")


class RepurchasesSettings(Section):
    """sequence.repurchases.Rhythm, and whether the table is made."""

    enabled: bool = Field(default=False, description="false: the table is not made")
    horizon_days: Positive = Field(
        default=30, description="probabilities are those of a purchase in so many days from as_of on"
    )
    prior_intervals: AboveZero = Field(
        default=10.0, description="intervals of a product that those of all products count for"
    )
    prior_own: AboveZero = Field(default=3.0, description="intervals of a customer that those of the product count for")


class NextBasketSettings(Section):
    """sequence.next_basket.NextBasket."""

    basket: Literal["order", "day"] = Field(
        default="order", description="order, or day: all that a customer bought on one day"
    )
    horizon_days: Positive | None = Field(
        default=None, description="time to the next basket; null: the median over all customers"
    )
    prior_intervals: AboveZero = Field(
        default=10.0, description="intervals of a product that those of all products count for"
    )
    prior_own: AboveZero = Field(default=3.0, description="intervals of a customer that those of the product count for")
    explore: NotNegative = Field(
        default=0.3, description="what chances of new products count for, against those of known ones"
    )
    n_neighbours: Positive = Field(default=100, description="products kept that follow a product; at least k")
    min_count: Positive = Field(default=2, description="baskets that a pair must have followed in")
    shrinkage: NotNegative = Field(
        default=10.0, description="baskets that a product needs for half of the share it has"
    )
    newest: Positive = Field(
        default=50, description="products of a basket that are looked at; work grows with the square"
    )
    mask_seen: bool = Field(default=False, description="true: only what the customer has not seen (section seen)")


class SequenceTrainingSettings(TrainingSettings):
    """sequence.model.SequenceModel: what the networks share."""

    max_length: Positive = Field(default=50, description="events that are looked back at")
    newest: Positive = Field(
        default=1000, description="events of a customer that are learned from, in stretches of max_length"
    )
    guests: bool = Field(default=True, description="sessions of visitors who are not known are learned from too")
    max_products: Positive | None = Field(
        default=50000,
        description="best sellers that are modelled, null: all; each step moves 4 bytes times width for each",
    )
    inputs: tuple[Literal["event_type", "gap", "price", "content"], ...] = Field(
        default=(),
        description="what networks are told: event_type, gap (time since the event before), price, content (embed)",
    )
    loss: Literal["full", "sampled"] = Field(
        default="full",
        description="full: each product is told from all others; sampled: from n_sampled, for large catalogues",
    )
    n_sampled: Positive = Field(default=1024, description="products drawn per batch")
    validation_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="customers whose last product is held back to measure NDCG@10 on after each epoch"
    )


class NetworkSettings(Section):
    """sequence.lstm.Lstm and sequence.gru.Gru."""

    width: Positive = Field(default=64, description="length of the vectors: memory and time grow with it")
    depth: Positive = Field(default=1, description="layers")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.5, description="share of numbers that a step leaves out: the sparser the data, the more"
    )
    similarity: Literal["dot", "cosine"] = Field(
        default="dot", description="dot; or cosine: vectors of length one, scores divided by temperature"
    )
    temperature: AboveZero = Field(default=0.1, description="of cosine")
    smoothing: Share = Field(default=0.0, description="share of a target's certainty that is spread over all products")
    epochs: Positive = Field(default=20, description="passes over the histories")
    learning_rate: AboveZero = Field(default=0.002, description="at its highest")
    weight_decay: NotNegative = Field(default=0.01, description="pull of matrices towards 0")


class TransformerSettings(NetworkSettings):
    """sequence.transformer.Transformer."""

    depth: Positive = Field(default=2, description="layers")

    heads: Positive = Field(default=2, description="of attention")


class SequenceSettings(Section):
    """Purchase sequences."""

    k: Positive = Field(default=50, description="candidates kept per model and customer, associations per product")
    models: tuple[SequenceModelName, ...] = Field(
        default=(),
        description="of first_order, next_basket, lstm, gru, transformer: those that are fitted, in this order; []: "
        "none",
    )
    active_days: Positive | None = Field(
        default=None, description="customers with an event in so many days before as_of get candidates; null: all"
    )
    history: Positive = Field(default=500, description="newest events of a customer that are recommended from")
    customer_vectors: bool = Field(
        default=True, description="gold.user_vectors: where each network sees a customer's history lead"
    )
    attributed_products: Annotated[int, Field(ge=0)] = Field(
        default=5,
        description="newest products of a history that are left out in turn, to tell what a network's score comes "
        "from; 0: none",
    )
    attributed_places: Positive = Field(
        default=20, description="first places of a customer's list that this is told of, in gold.attributions"
    )
    event_types: tuple[EventType, ...] = Field(
        default=("view", "cart", "purchase", "rating"), description="events that make up a history"
    )
    repurchases: RepurchasesSettings = Field(
        default=RepurchasesSettings(), description="gold.repurchases: when customers buy what they bought again"
    )
    first_order: FirstOrderSettings = Field(
        default=FirstOrderSettings(), description="what came right after the last product: the baseline"
    )
    next_basket: NextBasketSettings = Field(
        default=NextBasketSettings(), description="what is due again, and what is new after the last basket"
    )
    training: SequenceTrainingSettings = Field(
        default=SequenceTrainingSettings(), description="what the networks share"
    )
    lstm: NetworkSettings = NetworkSettings()
    gru: NetworkSettings = NetworkSettings()
    transformer: TransformerSettings = TransformerSettings()
