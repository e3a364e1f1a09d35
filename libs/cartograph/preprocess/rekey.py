"""The same rows under the pseudonyms of another key; nothing else changes.

A pseudonym cannot be turned back into an id, but bronze holds the ids: hashed with both keys, they show which old
pseudonym corresponds to which new one. What is derived from a pseudonym changes with it: names of sessions, and ids of
events that their source gave none. Rows that are under the new key already stay as they are, so an interrupted change
of keys can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import TABLES
from cartograph.preprocess.events import identified_events
from cartograph.preprocess.raw_rows import RawRows
from cartograph.preprocess.settings import PreprocessSettings
from cartograph.preprocess.users import checked_users

_OLD, _NEW = "__old", "__new"
_IN_SESSION = 16  # Digits of the pseudonym in the name of a session.
_PSEUDONYM = "[0-9a-f]{64}"


class UnknownPseudonyms(UserError):
    """Tables hold pseudonyms that bronze has no id for; nothing was written."""


@dataclass(frozen=True)
class Renames:
    """The names that differ between the keys, rows of `old` and `new`: one per customer, and one per event."""

    users: DataFrame
    events: DataFrame


def both_keys(settings: PreprocessSettings) -> tuple[str, str]:
    """The old key and the new one.

    Raises:
        UserError: one is not set.
    """
    old, new = settings.old_pseudonym_key, settings.pseudonym_key
    for secret, name in ((old, "CARTOGRAPH_OLD_PSEUDONYM_KEY"), (new, "CARTOGRAPH_PSEUDONYM_KEY")):
        if secret is None:
            raise UserError(f"rekey needs both keys: give this one in {name}, or name a file in {name}_FILE")
    assert old is not None
    assert new is not None
    return old.get_secret_value(), new.get_secret_value()


def names_under(key: str, events: RawRows, users: RawRows) -> DataFrame:
    """row_id, user_id and event_id of all raw rows under a key; event_id is null for records of customers."""
    secret = key.encode()
    frames = [identified_events(rows, cleaning, secret) for rows, cleaning in events]
    frames.append(checked_users(users, secret).withColumn("event_id", F.lit(None).cast("string")))
    return reduce(DataFrame.unionByName, [rows.select("row_id", "user_id", "event_id") for rows in frames])


@contextmanager
def kept(names: Renames) -> Iterator[Renames]:
    """The renames, computed once and kept on disk within the block."""
    frames = [names.users.persist(StorageLevel.DISK_ONLY), names.events.persist(StorageLevel.DISK_ONLY)]
    try:
        yield Renames(*frames)
    finally:
        for frame in frames:
            frame.unpersist()


def renames(under_old: DataFrame, under_new: DataFrame) -> Renames:
    """The pairs of names that the same raw rows have under the two keys.

    Args:
        under_old: row_id, user_id, event_id of every raw row, as `names_under` makes them.
        under_new: the same rows under the new key.
    """
    later = under_new.select("row_id", F.col("user_id").alias("new_user"), F.col("event_id").alias("new_event"))
    both = under_old.join(later, "row_id")
    users = both.select(F.col("user_id").alias("old"), F.col("new_user").alias("new"))
    events = both.select(F.col("event_id").alias("old"), F.col("new_event").alias("new"))
    return Renames(users.where("old IS NOT NULL").distinct(), events.where("old <> new").distinct())


def holders() -> list[str]:
    """The tables that hold pseudonyms, by layer and name; bronze holds the ids themselves."""
    return [
        name for name, table in TABLES.items()
        if table.layer != "bronze" and ("user_id" in table.columns.names or name in _ELSEWHERE)
    ]  # fmt: skip


def check_known(
    tables: Mapping[str, DataFrame], users: DataFrame, leave_unknown: bool, report: Callable[[str], None]
) -> None:
    """Reports pseudonyms that bronze has no id for.

    Raises:
        UnknownPseudonyms: there are some, and `leave_unknown` does not allow them.
    """
    found = unknown(tables, users)
    if not found:
        return
    problem = "pseudonyms that no id of bronze explains under either key:\n" + "\n".join(f"  - {one}" for one in found)
    if not leave_unknown:
        raise UnknownPseudonyms(f"{problem}\nWith --leave-unknown they stay as they are; nothing was written")
    report(problem)


def unknown(tables: Mapping[str, DataFrame], users: DataFrame) -> list[str]:
    """Per table with pseudonyms of neither key: its name, how many there are, and one of them.

    The examples of an audit are old text, and not checked.
    """
    held = [
        rows.select(F.lit(name).alias("table"), _pseudonym(name).alias(_OLD))
        for name, rows in tables.items()
        if name != "gold.audit"
    ]
    if not held:
        return []
    strange = reduce(DataFrame.unionByName, held).where(F.col(_OLD).isNotNull()).distinct()
    for key in ("old", "new"):
        strange = strange.join(users.select(F.col(key).alias(_OLD)), _OLD, "left_anti")
    found = strange.groupBy("table").agg(F.count(F.lit(1)).alias("n"), F.min(_OLD).alias("example"))
    return [f"{row.table}: {row.n:,}, such as {row.example}" for row in found.orderBy("table").collect()]


def renamed(name: str, rows: DataFrame, known: Renames) -> DataFrame:
    """The rows of table `name` under the new key.

    The tables and the pairs are joined in a shuffle, as both grow with customers.
    """
    pairs = known.users.select(F.col("old").alias(_OLD), F.col("new").alias(_NEW))
    joined = rows.withColumn(_OLD, _pseudonym(name)).join(pairs, _OLD, "left")
    changed = {
        column: F.when(F.col(_NEW).isNotNull(), value).otherwise(F.col(column))
        for column, value in _new_values(name).items()
    }
    renewed = joined.withColumns(changed).drop(_OLD, _NEW)
    return _with_new_events(renewed, known.events) if name == "silver.events" else renewed


def _with_new_events(rows: DataFrame, events: DataFrame) -> DataFrame:
    """The rows with new ids of the events that are identified by their content, which names the customer."""
    pairs = events.select(F.col("old").alias("event_id"), F.col("new").alias(_NEW))
    joined = rows.join(pairs, "event_id", "left")
    return joined.withColumn("event_id", F.coalesce(_NEW, "event_id")).drop(_NEW)


def _pseudonym(name: str) -> Column:
    """The pseudonym that a row of the table holds; null where it holds none."""
    return _ELSEWHERE[name]() if name in _ELSEWHERE else F.col("user_id")


def _new_values(name: str) -> dict[str, Column]:
    """The columns that hold or contain a pseudonym, with the new one in its place."""
    old, new = F.col(_OLD), F.col(_NEW)
    if name == "gold.factors":
        return {"id": new}
    if name == "gold.audit":
        return {"example": F.replace("example", old, new)}
    if name == "silver.quarantine":
        given = F.transform_values("raw", lambda key, value: F.when(key == "user_id", new).otherwise(value))
        return {"raw": given}
    if name == "silver.events":
        parts = [F.substring(column, 1, _IN_SESSION) for column in (_OLD, _NEW)]
        return {"user_id": new, "session_id": F.replace("session_id", *parts)}
    return {"user_id": new}


_ELSEWHERE = {
    "gold.factors": lambda: F.when(F.col("side") == "user", F.col("id")),
    "gold.audit": lambda: F.nullif(F.regexp_extract("example", _PSEUDONYM, 0), F.lit("")),
    "silver.quarantine": lambda: F.col("raw")["user_id"],
}
