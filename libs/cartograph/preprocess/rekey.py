"""Rows under the pseudonyms of one key, under those of another; nothing else of them changes.

A pseudonym cannot be turned back into the id that it was made of, but bronze holds the ids: hashed with both keys, they
tell which old pseudonym is which new one. What was made of a pseudonym changes with it: names of sessions, and ids of
events that their source gave none. Rows that are under the new key already stay as they are, so that the same may be
done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables.schema import TABLES

_OLD, _NEW = "__old", "__new"
_IN_SESSION = 16  # digits of the pseudonym that the name of a session holds
_PSEUDONYM = "[0-9a-f]{64}"


@dataclass(frozen=True)
class Renames:
    """What is called otherwise under the new key: rows of `old` and `new`, one per customer and per event."""

    users: DataFrame
    events: DataFrame


def renames(under_old: DataFrame, under_new: DataFrame) -> Renames:
    """The pairs of names that the same raw rows have under both keys.

    Args:
        under_old: row_id, user_id, event_id of every raw row that names a customer or an event; event_id may be null.
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


def unknown(tables: Mapping[str, DataFrame], users: DataFrame) -> list[str]:
    """Per table with pseudonyms of neither key: its name, how many there are, and one of them.

    What an audit told of a row is text of old, and not asked after.
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

    Large tables meet the pairs in a shuffle: both grow with customers.
    """
    pairs = known.users.select(F.col("old").alias(_OLD), F.col("new").alias(_NEW))
    joined = rows.withColumn(_OLD, _pseudonym(name)).join(pairs, _OLD, "left")
    changed = {
        column: F.when(F.col(_NEW).isNotNull(), value).otherwise(F.col(column))
        for column, value in _new_values(name).items()
    }
    told = joined.withColumns(changed).drop(_OLD, _NEW)
    return _with_new_events(told, known.events) if name == "silver.events" else told


def _with_new_events(rows: DataFrame, events: DataFrame) -> DataFrame:
    """Events that are known by their content have it under their customer's new name."""
    pairs = events.select(F.col("old").alias("event_id"), F.col("new").alias(_NEW))
    joined = rows.join(pairs, "event_id", "left")
    return joined.withColumn("event_id", F.coalesce(_NEW, "event_id")).drop(_NEW)


def _pseudonym(name: str) -> Column:
    """The pseudonym that a row of the table holds; null where it holds none."""
    return _ELSEWHERE[name]() if name in _ELSEWHERE else F.col("user_id")


def _new_values(name: str) -> dict[str, Column]:
    """The columns that hold a pseudonym, or were made of one, with the new one in its place."""
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
