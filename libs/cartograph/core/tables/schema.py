"""Every table of the lake: columns, types, key, partitions and checks.

Writes are checked against these definitions; nothing else in the project spells out a table's columns.
"""

from __future__ import annotations

from cartograph.core.tables.bronze import BRONZE
from cartograph.core.tables.definition import Table as Table  # re-exported
from cartograph.core.tables.definition import differences as differences
from cartograph.core.tables.gold import GOLD
from cartograph.core.tables.silver import SILVER

RELATIONS = ("complement", "substitute", "variant", "repeat")

TABLES = {table.name: table for table in (*BRONZE, *SILVER, *GOLD)}


def table(name: str) -> Table:
    """The definition of table `name`.

    Raises:
        KeyError: there is no such table; the message lists those there are.
    """
    if name not in TABLES:
        raise KeyError(f"no table {name!r}; the tables are {', '.join(sorted(TABLES))}")
    return TABLES[name]


def columns_of(name: str) -> list[str]:
    """Column names of table `name`, in order."""
    return table(name).columns.names
