"""The shape of the configuration: one frozen class per section of `conf/base.yml`.

No field has a default: every value and its explanation stand in `conf/base.yml`, so there is one place to look.
The exception is a secret, which never stands in a file of the repository: it is `SecretStr | None = None`,
and `runtime/config.py` fills it from an environment variable or a file.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
CfModel = Literal["popularity", "item_neighbours", "cooccurrence", "swing", "rp3beta", "ease", "als"]


class Section(BaseModel):
    """A section: unknown keys are refused, values are fixed once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LakeSettings(Section):
    """Where the tables lie and how they are written."""

    root: str
    catalog: str | None
    check_keys: bool
    skip_unchanged: bool
    lock_wait_seconds: Annotated[float, Field(ge=0)]
    lock_heartbeat_seconds: Annotated[float, Field(gt=0)]
    lock_stale_seconds: Annotated[float, Field(gt=0)]


class SparkSettings(Section):
    """The Spark session."""

    master: str | None
    driver_memory: str | None
    executor_memory: str | None
    shuffle_partitions: Positive | None
    temp_dir: str | None
    checkpoint_dir: str | None
    ui: bool
    log_level: Literal["ALL", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"]
    conf: dict[str, str | int | float | bool]


class TrackingSettings(Section):
    """Where runs are recorded."""

    enabled: bool
    uri: str
    artifacts: str | None
    experiment: str
    timeout_seconds: Positive
    outbox: str


class IngestSettings(Section):
    """Reading raw files."""

    max_quarantined_share: Share


class RowRules(Section):
    """Which raw rows are set aside."""

    not_product_ids: tuple[str, ...]
    not_product_titles: tuple[str, ...]
    upper_id_sources: tuple[str, ...]
    quantity_fence: Annotated[float, Field(gt=0)]
    price_ratio: Annotated[float, Field(gt=1)]
    price_min_rows: Positive
    price_fence: Annotated[float, Field(gt=0)]


class CustomerFlags(Section):
    """Which customers are marked."""

    wholesale_units: Positive
    wholesale_share: Share
    bot_actions: Positive


class PreprocessSettings(Section):
    """From raw text to clean, pseudonymous tables."""

    pseudonym_key: SecretStr | None = None
    key_source: Literal["required", "generated", "public"]
    key_file: str
    session_gap_minutes: Positive
    rules: RowRules
    flags: CustomerFlags


class MiningSettings(Section):
    """rules.mining.mine and rules.rules.rules_from_itemsets."""

    engine: Literal["auto", "mllib", "native"]
    min_support: Annotated[float, Field(gt=0, le=1)]
    max_length: Annotated[int, Field(ge=0)]
    min_confidence: Share
    max_consequent: Positive


class RulesModelSettings(Section):
    """rules.model.Rules."""

    min_support: Annotated[float, Field(gt=0, le=1)]
    min_confidence: Share
    min_lift: Annotated[float, Field(ge=0)]
    measure: str
    engine: Literal["auto", "mllib", "native"]
    recent: Positive
    mask_seen: bool


class RulesSettings(Section):
    """Association rules."""

    k: Positive
    history: Positive
    mining: MiningSettings
    model: RulesModelSettings


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


class TuningSettings(Section):
    """cf.tuning.search."""

    model: CfModel
    days: Positive
    trials: Positive
    k: Positive
    seed: int
    space: dict[str, tuple[int | float, int | float]]


class CfSettings(Section):
    """Collaborative filtering."""

    k: Positive
    models: tuple[CfModel, ...]
    active_days: Positive | None
    history: Positive
    mask_seen: bool
    event_weights: dict[str, float]
    popularity: PopularitySettings
    item_neighbours: ItemNeighboursSettings
    cooccurrence: CooccurrenceSettings
    swing: SwingSettings
    rp3beta: Rp3BetaSettings
    ease: EaseSettings
    als: AlsSettings
    tuning: TuningSettings


class RankSettings(Section):
    """From the models' candidates to the lists shown."""

    k: Positive
    k_related: Positive
    constant: Annotated[float, Field(gt=0)]
    weights: dict[str, Annotated[float, Field(ge=0)]]
    association_weights: dict[str, Annotated[float, Field(ge=0)]]
    recent: Positive
    user_models: tuple[str, ...]


class EvaluateSettings(Section):
    """Scoring earlier lists against what happened after them."""

    k: tuple[Positive, ...]
    horizon_days: Positive
    head_share: Share
    tail_share: Share
    n_buckets: Positive
    n_resamples: Positive
    seed: int


class ReportSettings(Section):
    """The HTML report."""

    path: str
    n_rules: Positive
    n_products: Positive
    n_related: Positive
    n_customers: Positive


class ShopSettings(Section):
    """The generated demo shop."""

    path: str
    n_events: Annotated[int, Field(ge=1_000)]
    seed: Annotated[int, Field(ge=0)]
    start_on: date
    end_on: date
    n_products: Positive | None
    events_per_user: Positive
    dirt: Annotated[float, Field(ge=0, le=0.5)]


class MaintainSettings(Section):
    """Housekeeping of the tables."""

    retention_hours: Annotated[float, Field(ge=0)]
    allow_short_retention: bool
    tables: tuple[str, ...]
    cluster_by: dict[str, tuple[str, ...]]


class Config(Section):
    """Everything that can be set, checked."""

    env: str
    lake: LakeSettings
    spark: SparkSettings
    tracking: TrackingSettings
    ingest: IngestSettings
    preprocess: PreprocessSettings
    rules: RulesSettings
    cf: CfSettings
    rank: RankSettings
    evaluate: EvaluateSettings
    report: ReportSettings
    shop: ShopSettings
    maintain: MaintainSettings
