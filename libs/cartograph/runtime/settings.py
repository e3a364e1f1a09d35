"""The shape of the configuration: one frozen class per section of `conf/base.yml`.

No field has a default: every value and its explanation stand in `conf/base.yml`, so there is one place to look.
The exception is a secret, which never stands in a file of the repository: it is `SecretStr | None = None`,
and `runtime/config.py` fills it from an environment variable or a file.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from cartograph.runtime.cf_settings import CfSettings
from cartograph.runtime.embed_settings import EmbedSettings
from cartograph.runtime.evaluate_settings import AuditSettings, EvaluateSettings
from cartograph.runtime.experiment_settings import ExperimentSettings
from cartograph.runtime.graph_settings import GraphSettings
from cartograph.runtime.rank_settings import RankSettings
from cartograph.runtime.section import Positive, Section, Share
from cartograph.runtime.sequence_settings import SequenceSettings


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


class FenceSettings(Section):
    """preprocess.outliers."""

    quantity_fence: Annotated[float, Field(gt=0)]
    price_ratio: Annotated[float, Field(gt=1)]
    price_min_rows: Positive
    price_fence: Annotated[float, Field(gt=0)]


class LimitSettings(Section):
    """preprocess.limits."""

    share: Share
    shares: dict[str, Share]
    mixed_orders: Share
    min_rows: Positive


class CustomerFlags(Section):
    """Which customers are marked."""

    wholesale_units: Positive
    wholesale_share: Share
    bot_actions: Positive


class PreprocessSettings(Section):
    """From raw text to clean, pseudonymous tables."""

    pseudonym_key: SecretStr | None = None
    old_pseudonym_key: SecretStr | None = None  # what jobs/rekey.py replaces
    key_source: Literal["required", "generated", "public"]
    key_file: str
    session_gap_minutes: Positive
    fences: FenceSettings
    limits: LimitSettings
    flags: CustomerFlags


class RatingsSettings(Section):
    """core.liking.RatingScale."""

    scale: tuple[float, float]
    neutral: float | None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        lowest, highest = self.scale
        if not lowest < highest:
            raise ValueError(f"scale goes from the worst rating to the best, not from {lowest:g} to {highest:g}")
        if self.neutral is not None and not lowest <= self.neutral < highest:
            raise ValueError(f"neutral lies from {lowest:g} to below {highest:g}, and is {self.neutral:g}")
        return self


class SeenSettings(Section):
    """core.seen: what is new to a customer, for lists, for right answers and for tuning."""

    event_types: Annotated[tuple[Literal["view", "cart", "purchase", "rating"], ...], Field(min_length=1)]
    mask: bool

    @property
    def masked_by(self) -> tuple[str, ...]:
        """Events whose products lists leave out: none where they may hold what was seen."""
        return self.event_types if self.mask else ()


class MiningSettings(Section):
    """rules.mining.mine and rules.rules.rules_from_itemsets."""

    engine: Literal["auto", "mllib", "native"]
    min_support: Annotated[float, Field(gt=0, le=1)]
    max_length: Annotated[int, Field(ge=0)]
    min_confidence: Share
    max_consequent: Positive
    rare_support: Annotated[float, Field(gt=0, le=1)] | None
    rare_share: Share


class GuardSettings(Section):
    """rules.guard.guard."""

    length_quantile: Annotated[float, Field(gt=0, le=1)]
    long_baskets: Literal["split", "cut", "drop", "keep"]
    max_itemsets: Positive
    seed: int


class JudgingSettings(Section):
    """rules.judging: which rules are held to be more than chance."""

    level: Annotated[float, Field(gt=0, lt=1)]
    holdout_days: Positive


class GroupSettings(Section):
    """rules.hierarchy.generalised_rules."""

    min_support: Annotated[float, Field(gt=0, le=1)]
    min_confidence: Share
    min_interest: Annotated[float, Field(ge=0)]


class UtilitySettings(Section):
    """rules.utility.high_utility_itemsets."""

    min_share: Annotated[float, Field(gt=0, le=1)]
    max_length: Annotated[int, Field(ge=0)]


class RulesModelSettings(Section):
    """rules.model.Rules."""

    min_support: Annotated[float, Field(gt=0, le=1)]
    min_confidence: Share
    min_lift: Annotated[float, Field(ge=0)]
    measure: str
    engine: Literal["auto", "mllib", "native"]
    recent: Positive
    rare_baskets: Annotated[int, Field(ge=0)]
    n_neighbours: Positive
    min_similarity: Annotated[float, Field(ge=0, le=1)]
    shrinkage: Annotated[float, Field(ge=0)]


class RulesSettings(Section):
    """Association rules."""

    k: Positive
    history: Positive
    mining: MiningSettings
    guard: GuardSettings
    judging: JudgingSettings
    analyses: tuple[Literal["trends", "groups", "utility"], ...]
    groups: GroupSettings
    utility: UtilitySettings
    vectors: str | None
    model: RulesModelSettings


class ReportSettings(Section):
    """The HTML report."""

    path: str
    n_rules: Positive
    n_products: Positive
    n_related: Positive
    n_communities: Positive
    n_nodes: Positive
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
    ratings: RatingsSettings
    seen: SeenSettings
    embed: EmbedSettings
    rules: RulesSettings
    cf: CfSettings
    sequence: SequenceSettings
    graph: GraphSettings
    rank: RankSettings
    audit: AuditSettings
    evaluate: EvaluateSettings
    experiment: ExperimentSettings
    report: ReportSettings
    shop: ShopSettings
    maintain: MaintainSettings
