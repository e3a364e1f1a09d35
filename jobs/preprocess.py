"""Makes silver.events, silver.baskets, silver.products and silver.users from the bronze batches that are new.

Reads   bronze.events, bronze.products, bronze.users, bronze.batches, and the silver rows that new ones touch
Writes  silver.quarantine, silver.events, silver.baskets, silver.products, silver.users, silver.ledger

A batch is done when the ledger, which is written last, has it; an interrupted run is done again and gives the same.
Returns do not change baskets, and an order whose lines all went to another order keeps its basket: sources do not do
that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.schema import table
from cartograph.preprocess import ledger
from cartograph.preprocess.baskets import baskets, touched_orders
from cartograph.preprocess.events import good_events, judged_events, quarantined
from cartograph.preprocess.products import facts_of, judged_facts, products, quarantined_facts
from cartograph.preprocess.resolve import resolved_events
from cartograph.preprocess.settings import Flags, Rules
from cartograph.preprocess.users import judged_users, quarantined_users, users
from cartograph.runtime.job import Job, main
from cartograph.runtime.key_fingerprint import require_same_key

_MOST_LISTED = 1000  # batches that are named in a filter, so that Delta skips the files of others


@dataclass
class _Work:
    """The batches to do, and how tables are read and written while doing them."""

    job: Job
    batches: DataFrame  # batch_id, source, target, n_in
    is_first: bool  # no batch was ever finished: what silver holds is the leftover of an interrupted run

    def bronze(self, target: str) -> DataFrame:
        """Rows of the new batches of one bronze table."""
        new = self.batches.where(F.col("target") == target).select("batch_id")
        few = new.limit(_MOST_LISTED + 1).collect()
        rows = self._bronze(target)
        if len(few) > _MOST_LISTED:
            return rows.join(F.broadcast(new), "batch_id", "left_semi")
        return rows.where(F.col("batch_id").isin([row["batch_id"] for row in few]))

    def all_bronze(self, target: str) -> DataFrame:
        """Rows of all recorded batches of one bronze table."""
        recorded = self.job.tables.read("bronze.batches", target=target).select("batch_id")
        return self._bronze(target).join(F.broadcast(recorded), "batch_id", "left_semi")

    def _bronze(self, target: str) -> DataFrame:
        name = f"bronze.{target}"
        if self.job.tables.exists(name):
            return self.job.read(name)
        return self.job.spark.createDataFrame([], table(name).columns)

    def stored(self, name: str) -> DataFrame | None:
        """A silver table as it is; None when nothing of it counts."""
        return None if self.is_first or not self.job.tables.exists(name) else self.job.tables.read(name)

    def write(self, name: str, rows: DataFrame) -> None:
        """The whole table the first time, rows by key after that."""
        if self.is_first:
            self.job.replace(name, rows)
        else:
            self.job.merge(name, rows)


def run(job: Job) -> None:
    """Judges the new rows one by one, resolves the good ones together, and balances the ledger."""
    work = _pending(job)
    if work is None:
        job.progress.say("  nothing new in bronze")
        return
    require_same_key(job.tables, job.secret("pseudonym_key"))
    key = job.secret("pseudonym_key").encode()
    rules, flags = Rules(**job.settings.rules.model_dump()), Flags(**job.settings.flags.model_dump())
    judged = [
        judged_events(work.bronze("events"), key, rules),
        judged_facts(work.bronze("products"), rules),
        judged_users(work.bronze("users"), key),
    ]
    try:
        events, facts, people = (rows.persist(StorageLevel.DISK_ONLY) for rows in judged)
        _write(work, events, facts, people, rules, flags, key)
    finally:
        for rows in judged:
            rows.unpersist()


def _write(
    work: _Work, judged: DataFrame, facts: DataFrame, people: DataFrame, rules: Rules, flags: Flags, key: bytes
) -> None:
    """Writes the silver tables out of judged events, product facts and customers; the ledger last."""
    aside = _union(quarantined(judged), quarantined_facts(facts), quarantined_users(people))
    work.write("silver.quarantine", aside)
    good, stored = good_events(judged), work.stored("silver.events")
    lost = ledger.duplicates(good, stored).localCheckpoint()
    work.write("silver.events", resolved_events(good, stored, work.job.settings.session_gap_minutes))
    _write_baskets(work, good)
    _write_products(work, good, facts, rules)
    _write_users(work, good, people, key, flags)
    kept = [
        rows.where("rule IS NULL").groupBy("batch_id").agg(F.count("*").alias("n_kept")) for rows in (facts, people)
    ]
    _balance(work, _union(*kept), lost)


def _pending(job: Job) -> _Work | None:
    """The batches that the ledger does not have; None when it has all."""
    batches = job.read("bronze.batches").select("batch_id", "source", "target", F.col("n_kept").alias("n_in"))
    is_first = not job.tables.exists("silver.ledger") or job.tables.read("silver.ledger").isEmpty()
    if not is_first:
        batches = batches.join(job.tables.read("silver.ledger"), "batch_id", "left_anti")
    batches = batches.localCheckpoint()
    return None if batches.isEmpty() else _Work(job, batches, is_first)


def _write_baskets(work: _Work, good: DataFrame) -> None:
    events = work.job.tables.read("silver.events")
    work.write(
        "silver.baskets",
        baskets(events if work.is_first else events.join(touched_orders(good), "order_id", "left_semi")),
    )


def _write_products(work: _Work, good: DataFrame, facts: DataFrame, rules: Rules) -> None:
    first_sales = good.groupBy("product_id").agg(F.min("event_at").alias("first_at"))
    new = facts.where("rule IS NULL")
    if not work.is_first:
        touched = new.select("product_id").union(first_sales.select("product_id")).distinct()
        new = judged_facts(facts_of(work.all_bronze("products"), touched, rules), rules).where("rule IS NULL")
    work.write("silver.products", products(new, first_sales, work.stored("silver.products")))


def _write_users(work: _Work, good: DataFrame, people: DataFrame, key: bytes, flags: Flags) -> None:
    seen = good.where("user_id IS NOT NULL").groupBy("user_id").agg(F.min("event_at").alias("first_at"))
    facts, events = people.where("rule IS NULL"), work.job.tables.read("silver.events")
    if not work.is_first:
        touched = facts.select("user_id").union(seen.select("user_id")).distinct()
        known = judged_users(work.all_bronze("users"), key).where("rule IS NULL")
        facts, events = (rows.join(touched, "user_id", "left_semi") for rows in (known, events))
    work.write("silver.users", users(facts, events, seen, work.stored("silver.users"), flags))


def _balance(work: _Work, kept_facts: DataFrame, lost: DataFrame) -> None:
    """Counts what arrived in silver, compares, and records the batches as done."""
    tables = work.job.tables
    kept = tables.read("silver.events").groupBy("batch_id").agg(F.count("*").alias("n_kept")).localCheckpoint()
    aside = tables.read("silver.quarantine").groupBy("batch_id").agg(F.count("*").alias("n_quarantined"))
    entries = ledger.entries(work.batches, _union(kept, kept_facts), aside, lost)
    earlier = work.stored("silver.ledger")
    if earlier is not None:
        events_only = work.job.tables.read("bronze.batches", target="events").select("batch_id")
        entries = entries.unionByName(ledger.displaced(earlier.join(events_only, "batch_id", "left_semi"), kept))
    entries = ledger.checked(entries.localCheckpoint())
    work.write("silver.ledger", entries)
    totals = entries.agg(*[F.sum(name).alias(name) for name in entries.columns if name.startswith("n_")]).first()
    for name, value in (totals.asDict() if totals else {}).items():
        work.job.metric(name, value or 0)


def _union(*frames: DataFrame) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


if __name__ == "__main__":
    main("preprocess", run, __doc__)
