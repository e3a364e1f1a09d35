"""The configuration as a whole: one section per step, each defined in the step's own `settings.py`.

Name, type, bounds, default and explanation of a setting are there, once. `conf/base.yml` is made from them; a secret
is in no file of the repository: it is `SecretStr | None = None`, and `runtime/config.py` fills it from an
environment variable or a file.
"""

from __future__ import annotations

from pydantic import Field

from cartograph.audit.settings import AuditSettings
from cartograph.cf.settings import CfSettings
from cartograph.core.settings import Section
from cartograph.core.views.settings import RatingsSettings, SeenSettings
from cartograph.embed.settings import EmbedSettings
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.experiment.settings import ExperimentSettings
from cartograph.graph.settings import GraphSettings
from cartograph.ingest.settings import IngestSettings
from cartograph.preprocess.settings import PreprocessSettings
from cartograph.rank.settings import RankSettings
from cartograph.report.settings import ReportSettings
from cartograph.rules.settings import RulesSettings
from cartograph.runtime.settings import LakeSettings, MaintainSettings, SparkSettings, TrackingSettings
from cartograph.sequence.settings import SequenceSettings
from cartograph.shop.settings import ShopSettings


class Config(Section):
    """All settings, validated."""

    env: str
    lake: LakeSettings = Field(default=LakeSettings(), description="the Delta tables")
    spark: SparkSettings = SparkSettings()
    tracking: TrackingSettings = Field(default=TrackingSettings(), description="MLflow")
    ingest: IngestSettings = IngestSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    ratings: RatingsSettings = Field(
        default=RatingsSettings(),
        description="ratings as preferences; only als with `implicit: false` predicts the ratings themselves",
    )
    seen: SeenSettings = Field(
        default=SeenSettings(),
        description="which products are not new to a customer: one definition for lists, evaluation and tuning",
    )
    embed: EmbedSettings = EmbedSettings()
    rules: RulesSettings = RulesSettings()
    cf: CfSettings = CfSettings()
    sequence: SequenceSettings = SequenceSettings()
    graph: GraphSettings = GraphSettings()
    rank: RankSettings = RankSettings()
    audit: AuditSettings = Field(
        default=AuditSettings(),
        description="jobs/audit.py: does anything in a day's partitions come from that day or later?",
    )
    evaluate: EvaluateSettings = EvaluateSettings()
    experiment: ExperimentSettings = Field(
        default=ExperimentSettings(),
        description="jobs/experiment.py: evaluation of the exposures in gold.exposures",
    )
    report: ReportSettings = ReportSettings()
    shop: ShopSettings = Field(default=ShopSettings(), description="the generated demo shop")
    maintain: MaintainSettings = Field(default=MaintainSettings(), description="jobs/maintain.py")
