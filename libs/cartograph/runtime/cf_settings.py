"""Section `cf` of the settings: the models of collaborative filtering."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import EventWeights, Positive, Section, Share

CfModel = Literal[
    "popularity", "item_neighbours", "cooccurrence", "swing", "rp3beta", "ease", "slim", "user_neighbours", "bpr", "als"
]  # fmt: skip


class PopularitySettings(Section):
    """cf.popularity.Popularity."""

    half_life_days: Annotated[float, Field(gt=0)] | None
    by: tuple[str, ...]
    shrinkage: Annotated[float, Field(ge=0)]


class ItemNeighboursSettings(Section):
    """cf.item_neighbours.ItemNeighbours."""

    n_neighbours: Positive
    shrinkage: Annotated[float, Field(ge=0)]
    newest: Positive
    recent: Positive


class CooccurrenceSettings(Section):
    """cf.cooccurrence.Cooccurrence."""

    source: Literal["histories", "baskets"]
    measure: Literal["decayed", "confidence", "expected", "llr"]
    n_neighbours: Positive
    min_count: Positive
    distance_decay: Annotated[float, Field(gt=0, le=1)]
    backward: Share
    half_life_days: Annotated[float, Field(gt=0)] | None
    popularity_exponent: Annotated[float, Field(ge=0)]
    newest: Positive
    recent: Positive
    history_decay: Annotated[float, Field(gt=0, le=1)]


class SwingSettings(Section):
    """cf.swing.Swing."""

    n_neighbours: Positive
    alpha: Annotated[float, Field(gt=0)]
    user_exponent: Annotated[float, Field(ge=0)]
    min_common: Annotated[int, Field(ge=2)]
    max_users: Annotated[int, Field(ge=2)]
    newest: Positive
    recent: Positive


class Rp3BetaSettings(Section):
    """cf.rp3beta.Rp3Beta."""

    n_neighbours: Positive
    alpha: Annotated[float, Field(ge=0)]
    beta: Annotated[float, Field(ge=0)]
    newest: Positive
    recent: Positive


class EaseSettings(Section):
    """cf.ease.Ease."""

    n_neighbours: Positive
    regularisation: Annotated[float, Field(gt=0)]
    max_products: Positive
    newest: Positive
    recent: Positive


class SlimSettings(Section):
    """cf.slim.Slim."""

    n_neighbours: Positive
    l1: Annotated[float, Field(ge=0)]
    l2: Annotated[float, Field(ge=0)]
    max_products: Positive
    n_sweeps: Positive
    tolerance: Annotated[float, Field(ge=0)]
    newest: Positive
    recent: Positive


class UserNeighboursSettings(Section):
    """cf.user_neighbours.UserNeighbours."""

    n_neighbours: Positive
    measure: Literal["cosine", "pearson"]
    shrinkage: Annotated[float, Field(ge=0)]
    threshold: Positive
    max_users: Positive
    newest: Positive
    recent: Positive


class BprSettings(Section):
    """cf.bpr.Bpr."""

    rank: Positive
    iterations: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    regularisation: Annotated[float, Field(ge=0)]
    n_negatives: Positive
    exchanges: Positive
    seed: Annotated[int, Field(ge=0)]
    approximate_above: Positive | None


class AlsSettings(Section):
    """cf.als.Als."""

    engine: Literal["mllib", "native"]
    implicit: bool
    rank: Positive
    iterations: Positive
    regularisation: Annotated[float, Field(ge=0)]
    frequency_power: Annotated[float, Field(ge=0)]
    alpha: Annotated[float, Field(gt=0)]
    nonnegative: bool
    solver: Literal["cg", "cholesky"]
    device: Literal["cpu", "cuda"]
    checkpoint_every: Annotated[int, Field(ge=0)]
    seed: int
    half_life_days: Annotated[float, Field(gt=0)] | None
    debias: Annotated[float, Field(ge=0)]
    prior_strength: Annotated[float, Field(ge=0)]
    approximate_above: Positive | None


class RefreshSettings(Section):
    """jobs/refresh.py."""

    keep_factors: bool
    drift_bound: Annotated[float, Field(gt=0)]


class TuningSettings(Section):
    """cf.tuning.search."""

    model: CfModel
    days: Positive
    trials: Positive
    k: Positive
    seed: int
    space: dict[CfModel, dict[str, tuple[int | float, int | float]]]


class CfSettings(Section):
    """Collaborative filtering."""

    k: Positive
    models: tuple[CfModel, ...]
    active_days: Positive | None
    history: Positive
    event_weights: EventWeights
    popularity: PopularitySettings
    item_neighbours: ItemNeighboursSettings
    cooccurrence: CooccurrenceSettings
    swing: SwingSettings
    rp3beta: Rp3BetaSettings
    ease: EaseSettings
    slim: SlimSettings
    user_neighbours: UserNeighboursSettings
    bpr: BprSettings
    als: AlsSettings
    refresh: RefreshSettings
    tuning: TuningSettings
