"""Frequent itemsets and association rules of the baskets before a date.

Reads the silver tables; writes gold.itemsets, gold.rules, gold.inferred_rules and what `rules.analyses` names
(gold.generalised_rules, gold.high_utility_itemsets) of this `as_of`, and the partitions of model `rules` in
gold.associations and gold.candidates. Rules of `as_of` - judging.holdout_days, where there are any, get their holdout
columns: how they fared since; mined again, rules keep them. Deliberately not done here: mixing the rules with other
models (`rank`).
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.tables.schema import table
from cartograph.core.views.histories import histories
from cartograph.rules.guard import Guarded, guard, told
from cartograph.rules.hierarchy import generalised_rules
from cartograph.rules.judging import judged_rules, with_holdout
from cartograph.rules.mining import choose_engine, mine
from cartograph.rules.model import Rules
from cartograph.rules.settings import RulesSettings
from cartograph.rules.supports import Supports
from cartograph.rules.trends import with_trends
from cartograph.rules.utility import high_utility_itemsets, revenue
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job

HOLDOUT = ("holdout_baskets", "holdout_confidence", "holdout_lift")


def run(job: Job) -> None:
    """Mines itemsets, derives and judges rules, and writes the lists that follow from them."""
    settings: RulesSettings = job.settings
    data = job.silver()
    guarded = guarded_baskets(job, data)
    retail = Silver(data.events, guarded.baskets.persist(), data.products, data.users)
    mine_and_judge(job, retail.baskets, guarded.supports)
    judge_earlier_rules(job)
    if "groups" in settings.analyses:
        rules = generalised_rules(retail.baskets, data.products, **settings.groups.model_dump())
        job.replace("gold.generalised_rules", rules)
    if "utility" in settings.analyses:
        lines = data.events.where("event_type = 'purchase'").withColumn("utility", revenue())
        job.replace("gold.high_utility_itemsets", high_utility_itemsets(lines, **settings.utility.model_dump()))
    write_lists(job, retail, data)
    retail.baskets.unpersist()


def guarded_baskets(job: Job, data: Silver) -> Guarded:
    """The baskets and the supports that mining is safe with; says what was done."""
    mining = job.settings.mining
    guarded = guard(
        data.baskets,
        mining.min_support,
        users=data.users,
        max_length=mining.max_length,
        rare_support=mining.rare_support,
        rare_share=mining.rare_share,
        **job.settings.guard.model_dump(),
    )
    for name, value in guarded.report.items():
        job.metric(f"guard.{name}", value)
    for line in told(guarded.report, mining.min_support):
        job.progress.say(line)
    return guarded


def mine_and_judge(job: Job, baskets: DataFrame, supports: Supports) -> None:
    """Writes gold.itemsets and gold.rules."""
    settings: RulesSettings = job.settings
    mining, level = settings.mining, settings.judging.level
    engine, reason = choose_engine(mining.engine)
    job.progress.say(f"itemsets by {engine}: {reason}")
    itemsets = mine(
        baskets, supports.min_support, engine, mining.max_length, supports.rare_support, supports.rare_share
    ).persist()
    job.metric("n_itemsets", job.replace("gold.itemsets", itemsets).rows)
    is_complete = supports.rare_support is None
    rules = judged_rules(itemsets, baskets, mining.min_confidence, mining.max_consequent, level, is_complete)
    if "trends" in settings.analyses:
        rules = with_trends(rules.localCheckpoint(), baskets, level)
    job.metric("n_rules", job.replace("gold.rules", filled(with_known_holdout(job, rules))).rows)
    itemsets.unpersist()


def with_known_holdout(job: Job, rules: DataFrame) -> DataFrame:
    """The rules with how they fared since, where a later run told that already: mining them again keeps it."""
    if not job.tables.exists("gold.rules"):
        return rules
    key = ["antecedent", "consequent"]
    return rules.join(job.read("gold.rules").select(*key, *HOLDOUT), key, "left")


def judge_earlier_rules(job: Job) -> None:
    """Fills the holdout columns of the rules made `judging.holdout_days` ago, from the baskets since."""
    assert job.as_of is not None
    day = job.as_of - timedelta(days=job.settings.judging.holdout_days)
    earlier = job.read("gold.rules", as_of=day)
    if earlier.isEmpty():
        job.progress.say(f"no rules were made on {day}: none to try on later baskets")
        return
    since = job.read("silver.baskets").where(F.col("ordered_at") >= F.lit(day).cast("timestamp"))
    job.replace("gold.rules", filled(with_holdout(earlier.drop(*HOLDOUT), since)), as_of=day)


def filled(rules: DataFrame) -> DataFrame:
    """The columns of gold.rules but as_of; those not known yet are null."""
    fields = [field for field in table("gold.rules").columns if field.name != "as_of"]
    unknown = {f.name: F.lit(None).cast(f.dataType) for f in fields if f.name not in rules.columns}
    return rules.withColumns(unknown).select(*[f.name for f in fields])


def write_lists(job: Job, retail: Silver, data: Silver) -> None:
    """Writes the related products and the candidates of the model, and which of its rules are inferred."""
    settings: RulesSettings = job.settings
    vectors = job.read("silver.product_vectors", model=settings.vectors) if settings.vectors else None
    model = Rules(**settings.model.model_dump()).fit(retail, vectors)
    job.replace("gold.associations", model.associate(settings.k), model=model.name)
    if model.inferred_ is not None:
        job.replace("gold.inferred_rules", model.inferred_)
    users = histories(data.events, settings.history, job.config.seen.masked_by)
    job.replace("gold.candidates", model.recommend(users, settings.k), model=model.name)


if __name__ == "__main__":
    main("rules", run, __doc__)
