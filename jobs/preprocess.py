"""Makes silver.events, silver.baskets, silver.products and silver.users from the bronze batches that are new.

Reads   bronze.events, bronze.products, bronze.users, bronze.batches, and the silver rows that new ones touch
Writes  silver.quarantine, silver.events, silver.baskets, silver.products, silver.listings, silver.users, silver.ledger

Where so much of a source is set aside, or orders hold so much that can't be one order, that the source must be declared
wrongly, the run stops before it has written anything. A batch is done when the ledger, which is written last, has it;
an interrupted run is done again and gives the same. Where batches that silver has were ingested anew, all of silver is
made again. Returns do not change baskets, and an order whose lines all went to another order keeps its basket: sources
do not do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables.schema import table
from cartograph.preprocess import conflicts, ledger
from cartograph.preprocess.baskets import baskets, touched_orders
from cartograph.preprocess.events import good_events, judged_events, quarantined
from cartograph.preprocess.limits import SetAside, mixed_orders, refuse_misread, refuse_mixed, set_aside
from cartograph.preprocess.listings import deliveries, listings, stated, whole_sources
from cartograph.preprocess.products import facts_of, judged_facts, products, quarantined_facts
from cartograph.preprocess.raw_rows import Apart, apart
from cartograph.preprocess.resolve import resolved_events
from cartograph.preprocess.settings import LimitSettings
from cartograph.preprocess.users import judged_users, quarantined_users, users
from cartograph.preprocess.versions import kept_lines, with_fates
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.key_fingerprint import remember_key, require_same_key


@dataclass
class _Work:
    """The batches to do, and how tables are read and written while doing them."""

    job: Job
    key: bytes
    batches: DataFrame  # batch_id, source, target, n_in, cleaning
    is_first: bool  # nothing that silver holds counts: there is none, a leftover, or it is to be made anew

    def bronze(self, target: str) -> Apart:
        """Rows of the new batches of one bronze table."""
        return self._apart(target, self.batches.where(F.col("target") == target))

    def all_bronze(self, target: str) -> Apart:
        """Rows of all recorded batches of one bronze table."""
        return self._apart(target, self.job.tables.read("bronze.batches", target=target))

    def _apart(self, target: str, batches: DataFrame) -> Apart:
        name = f"bronze.{target}"
        exists = self.job.tables.exists(name)
        rows = self.job.read(name) if exists else self.job.spark.createDataFrame([], table(name).columns)
        return apart(rows, batches)

    def stored(self, name: str) -> DataFrame | None:
        """A silver table as it is; None when nothing of it counts."""
        return None if self.is_first or not self.job.tables.exists(name) else self.job.tables.read(name)

    def write(self, name: str, rows: DataFrame) -> None:
        """The whole table the first time, rows by key after that."""
        if self.is_first:
            self.job.replace(name, rows)
        else:
            self.job.merge(name, rows)


@dataclass
class _Judged:
    """New rows with their verdicts, and good events with their fates."""

    events: DataFrame
    facts: DataFrame
    people: DataFrame
    fated: DataFrame
    n_conflicts: int

    @property
    def good(self) -> DataFrame:
        """New events, those included that another version of them stands for: products and customers were seen then."""
        return self.fated.where("is_new")


def run(job: Job) -> None:
    """Judges the new rows one by one and the good ones together; stops where a source is misread, writes otherwise."""
    work = _pending(job)
    if work is None:
        job.progress.say("  nothing new in bronze")
        return
    require_same_key(job.tables, job.secret("pseudonym_key"))
    with _judged(work) as judged:
        _write(work, judged)


@contextmanager
def _judged(work: _Work) -> Iterator[_Judged]:
    """The judged rows, computed once within the block.

    Raises:
        SourceMisread: a source is declared wrongly.
    """
    settings = work.job.settings
    fences, limits = settings.fences, settings.limits
    frames = [
        judged_events(work.bronze("events"), work.key, fences),
        _union(*[judged_facts(rows, cleaning) for rows, cleaning in work.bronze("products")]),
        _union(*[judged_users(rows, work.key, cleaning) for rows, cleaning in work.bronze("users")]),
    ]
    kept = [frame.persist(StorageLevel.DISK_ONLY) for frame in frames]
    try:
        events, facts, people = kept
        aside = set_aside({"events": events, "products": facts, "users": people})
        for each in aside:
            work.job.progress.say(f"  set aside {each}")
        refuse_misread(aside, limits)
        kept.append(with_fates(good_events(events), _earlier_events(work)).persist(StorageLevel.DISK_ONLY))
        judged = _Judged(events, facts, people, kept[-1], _refuse_conflicts(work, kept[-1], limits))
        _refuse_mixed_orders(work, kept_lines(kept[-1]), limits)
        yield judged
    finally:
        for frame in kept:
            frame.unpersist()


def _earlier_events(work: _Work) -> DataFrame | None:
    """silver.events without what an interrupted run left there of the new batches."""
    stored = work.stored("silver.events")
    new = work.batches.select("batch_id")
    return None if stored is None else stored.join(F.broadcast(new), "batch_id", "left_anti")


def _refuse_conflicts(work: _Work, fated: DataFrame, limits: LimitSettings) -> int:
    """How many rows have an event id that another event has, too; raises where they are too many."""
    is_conflict = F.col("fate") == "conflict"
    by_source = fated.groupBy("source").agg(
        F.count_if("is_new"),
        F.count_if(is_conflict & F.col("is_new")),
        F.count_if(is_conflict),
        F.min(F.when(is_conflict, F.col("event_id"))),
    )
    rows = by_source.collect()
    for source, n_new, n_aside, _, example in rows:
        if n_aside:
            reason = f"event_id '{example}' is that of another event too"
            each = SetAside(source, "events", conflicts.RULE, n_new, n_aside, (reason,))
            work.job.progress.say(f"  set aside {each}")
            refuse_misread([each], limits)
    return sum(row[3] for row in rows)


def _refuse_mixed_orders(work: _Work, kept: DataFrame, limits: LimitSettings) -> None:
    orders = mixed_orders(kept.where("event_type = 'purchase'"), work.stored("silver.baskets"))
    for each in orders:
        if each.n_mixed:
            work.job.progress.say(f"  {each}")
    refuse_mixed(orders, limits)


def _write(work: _Work, judged: _Judged) -> None:
    """Writes the silver tables out of judged events, product facts and customers; the ledger last."""
    remember_key(work.job.tables, work.job.secret("pseudonym_key"))
    aside = _union(quarantined(judged.events), quarantined_facts(judged.facts), quarantined_users(judged.people))
    work.write("silver.quarantine", _union(aside, *_conflicting(work, judged)))
    gap = work.job.settings.session_gap_minutes
    work.write("silver.events", resolved_events(judged.fated, _earlier_events(work), gap))
    _write_baskets(work, judged.fated)
    _write_products(work, judged.good, judged.facts)
    _write_listings(work, judged.facts)
    _write_users(work, judged.good, judged.people)
    people = [
        rows.where("rule IS NULL").groupBy("batch_id").agg(F.count("*").alias("n_kept"), F.lit(0).alias("n_merged"))
        for rows in (judged.facts, judged.people)
    ]
    _balance(work, _union(*people), ledger.duplicates(judged.fated))


def _conflicting(work: _Work, judged: _Judged) -> list[DataFrame]:
    """Rows of silver.quarantine for events whose id another event has; none, as a rule."""
    if not judged.n_conflicts:
        return []
    aside = judged.events.where("rule IS NOT NULL").select("row_id")
    stored = work.stored("silver.quarantine")
    if stored is not None:
        aside = aside.union(stored.where(F.col("rule") != conflicts.RULE).select("row_id"))
    return [conflicts.conflicting(work.all_bronze("events"), work.key, judged.fated, aside)]


def _pending(job: Job) -> _Work | None:
    """The batches that the ledger does not have; None when it has all."""
    columns = ("batch_id", "source", "target", F.col("n_kept").alias("n_in"), "cleaning")
    batches = job.read("bronze.batches").select(*columns)
    is_first = not job.tables.exists("silver.ledger") or job.tables.read("silver.ledger").isEmpty()
    if not is_first:
        done = job.tables.read("silver.ledger").select("batch_id")
        if done.join(batches, "batch_id", "left_anti").isEmpty():
            batches = batches.join(done, "batch_id", "left_anti")
        else:
            job.progress.say("  batches were ingested anew: all of silver is made again")
            is_first = True
    batches = batches.localCheckpoint()
    key = job.secret("pseudonym_key").encode()
    return None if batches.isEmpty() else _Work(job, key, batches, is_first)


def _write_baskets(work: _Work, fated: DataFrame) -> None:
    events = work.job.tables.read("silver.events")
    work.write(
        "silver.baskets",
        baskets(events if work.is_first else events.join(touched_orders(fated), "order_id", "left_semi")),
    )


def _write_products(work: _Work, good: DataFrame, facts: DataFrame) -> None:
    first_sales = good.groupBy("product_id").agg(F.min("event_at").alias("first_at"))
    new = facts.where("rule IS NULL")
    if not work.is_first:
        touched = new.select("product_id").union(first_sales.select("product_id")).distinct()
        known = [judged_facts(facts_of(rows, touched, how), how) for rows, how in work.all_bronze("products")]
        new = _union(*known).where("rule IS NULL")
    work.write("silver.products", products(new, first_sales, work.stored("silver.products")))


def _write_listings(work: _Work, facts: DataFrame) -> None:
    """What catalogues list is worked out of all their deliveries whenever there is a new one: what it lacks is gone."""
    if not work.is_first:
        if work.batches.where("target = 'products'").isEmpty():
            return
        facts = _union(*[judged_facts(rows, cleaning) for rows, cleaning in work.all_bronze("products")])
    rows = stated(facts).persist(StorageLevel.DISK_ONLY)
    try:
        batches = work.job.tables.read("bronze.batches", target="products")
        declared = batches.select("batch_id", F.get_json_object("cleaning", "$.catalogue").alias("deliveries"))
        told = deliveries(rows, declared).localCheckpoint()
        work.job.replace("silver.listings", listings(rows, told, whole_sources(rows, told)))
    finally:
        rows.unpersist()


def _write_users(work: _Work, good: DataFrame, people: DataFrame) -> None:
    seen = good.where("user_id IS NOT NULL").groupBy("user_id").agg(F.min("event_at").alias("first_at"))
    facts, events = people.where("rule IS NULL"), work.job.tables.read("silver.events")
    if not work.is_first:
        touched = facts.select("user_id").union(seen.select("user_id")).distinct()
        known = _union(*[judged_users(rows, work.key, how) for rows, how in work.all_bronze("users")])
        facts, events = (rows.join(touched, "user_id", "left_semi") for rows in (known.where("rule IS NULL"), events))
    flags = work.job.settings.flags
    work.write("silver.users", users(facts, events, seen, work.stored("silver.users"), flags))


def _balance(work: _Work, kept_facts: DataFrame, lost: DataFrame) -> None:
    """Counts what arrived in silver, compares, and records the batches as done."""
    tables = work.job.tables
    kept = ledger.kept_counts(tables.read("silver.events")).localCheckpoint()
    aside = tables.read("silver.quarantine").groupBy("batch_id").agg(F.count("*").alias("n_quarantined"))
    entries = ledger.entries(work.batches, _union(kept, kept_facts), aside, lost)
    earlier = work.stored("silver.ledger")
    if earlier is not None:
        events_only = work.job.tables.read("bronze.batches", target="events").select("batch_id")
        entries = entries.unionByName(ledger.displaced(earlier.join(events_only, "batch_id", "left_semi"), kept, aside))
    entries = ledger.checked(entries.localCheckpoint())
    work.write("silver.ledger", entries)
    totals = entries.agg(*[F.sum(name).alias(name) for name in entries.columns if name.startswith("n_")]).first()
    for name, value in (totals.asDict() if totals else {}).items():
        work.job.metric(name, value or 0)


def _union(*frames: DataFrame) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


if __name__ == "__main__":
    main("preprocess", run, __doc__)
