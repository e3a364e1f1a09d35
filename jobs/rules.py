"""Frequent itemsets and association rules of the baskets before a date.

Reads the silver tables; writes gold.itemsets, gold.rules and the tables of `rules.analyses`, and of model `rules`
gold.associations, gold.candidates and gold.inferred_rules. Rules derived `judging.holdout_days` ago get their holdout
columns from the baskets since; mining a day again keeps these. Not done here: combining models (`rank`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cartograph.rules.guard import guard, summary
from cartograph.rules.mining import choose_engine
from cartograph.rules.rule_tables import analysis_tables, holdout_tables, mined_tables
from cartograph.rules.rules import Rules
from cartograph.rules.settings import RulesSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.model_runs import fit_and_write_models


def run(job: Job) -> None:
    """Mines itemsets, derives and evaluates rules, and writes the lists that follow from them."""
    settings: RulesSettings = job.settings
    data = job.silver()
    guarded = guard(data.baskets, data.users, settings.mining, settings.guard)
    job.tracking.log_metrics({f"guard.{name}": value for name, value in guarded.report.items()})
    engine, reason = choose_engine(settings.mining.engine)
    for line in (*summary(guarded.report, settings.mining.min_support), f"mining by {engine}: {reason}"):
        job.progress.say(line)
    baskets = guarded.baskets.persist()
    mined = mined_tables(baskets, job.read_any("gold.rules"), guarded.mining, settings.judging, settings.analyses)
    for table, rows in mined.items():
        job.metric(f"n_{table.removeprefix('gold.')}", job.replace(table, rows).rows)
    mined["gold.itemsets"].unpersist()
    evaluate_earlier_rules(job, settings.judging.holdout_days)
    for table, rows in analysis_tables(data, baskets, settings).items():
        job.replace(table, rows)
    vectors = job.read("silver.product_vectors", model=settings.vectors) if settings.vectors else None
    users = job.customers(data.events, settings.history, None)
    learned_from = replace(data, baskets=baskets, vectors=vectors)
    fit_and_write_models(job, [Rules(settings.model)], learned_from, users, settings.k)
    baskets.unpersist()


def evaluate_earlier_rules(job: Job, holdout_days: int) -> None:
    """Fills the holdout columns of the rules derived `holdout_days` ago, from the baskets since then."""
    assert job.as_of is not None
    day = job.as_of - timedelta(days=holdout_days)
    earlier = job.read_any("gold.rules", as_of=day)
    if earlier is None:
        job.progress.say(f"no rules were derived on {day}; no holdout columns are filled in")
        return
    for table, rows in holdout_tables(earlier, job.read("silver.baskets"), day).items():
        job.replace(table, rows, as_of=day)


if __name__ == "__main__":
    main("rules", run, __doc__)
