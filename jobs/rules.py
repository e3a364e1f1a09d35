"""Frequent itemsets and association rules of the baskets before a date.

Reads the silver tables; writes gold.itemsets and gold.rules of this `as_of`, and the partitions of model `rules` in
gold.associations and gold.candidates. Deliberately not done here: judging the rules on the period that follows
(that is `evaluate`), and mixing them with other models (`rank`).
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from cartograph.core.histories import histories
from cartograph.core.schema import columns_of
from cartograph.rules.measures import with_measures
from cartograph.rules.mining import mine
from cartograph.rules.model import Rules
from cartograph.rules.pruning import with_closure, with_customers, with_improvement
from cartograph.rules.rules import rules_from_itemsets
from cartograph.rules.significance import with_p_values
from cartograph.runtime.job import Job, main
from cartograph.runtime.settings import RulesSettings


def run(job: Job) -> None:
    """Mines itemsets, derives and judges rules, and writes the lists that follow from them."""
    settings: RulesSettings = job.settings
    data = job.silver()
    mining = settings.mining
    itemsets = mine(data.baskets, mining.min_support, mining.engine, mining.max_length).persist()
    job.metric("n_itemsets", job.replace("gold.itemsets", itemsets).rows)
    rules = judged(itemsets, data.baskets, settings)
    job.metric("n_rules", job.replace("gold.rules", rules).rows)
    itemsets.unpersist()

    model = Rules(**settings.model.model_dump()).fit(data)
    job.replace("gold.associations", model.associate(settings.k), model=model.name)
    users = histories(data.events, settings.history)
    job.replace("gold.candidates", model.recommend(users, settings.k), model=model.name)


def judged(itemsets: DataFrame, baskets: DataFrame, settings: RulesSettings) -> DataFrame:
    """The rules of the itemsets with every measure and mark of gold.rules."""
    rules = rules_from_itemsets(itemsets, settings.mining.min_confidence, settings.mining.max_consequent)
    rules = with_closure(with_improvement(rules, itemsets), itemsets)
    rules = with_measures(with_p_values(with_customers(rules, baskets)))
    wanted = [name for name in columns_of("gold.rules") if name != "as_of"]
    return rules.withColumnRenamed("n_ab", "n_baskets").select(*wanted)


if __name__ == "__main__":
    main("rules", run, __doc__)
