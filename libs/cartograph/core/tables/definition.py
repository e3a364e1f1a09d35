"""The definition of a table: its columns, key, partitions and checks. The tables themselves are in `schema`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import types as T


@dataclass(frozen=True)
class Table:
    """One Delta table.

    `key` names the columns that identify a row, `partition` the ones its files are laid out by (and a job
    overwrites by), `checks` maps a constraint's name to the SQL that every row must satisfy.
    Key columns are NOT NULL, and so are the columns listed in `required`.
    """

    name: str
    comment: str
    columns: T.StructType
    key: tuple[str, ...]
    partition: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()

    @property
    def layer(self) -> str:
        """`bronze`, `silver` or `gold`."""
        return self.name.split(".")[0]


_SIMPLE = {
    "string": T.StringType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "boolean": T.BooleanType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
    "strings": T.ArrayType(T.StringType(), containsNull=False),
    "vector": T.ArrayType(T.FloatType(), containsNull=False),
    "doubles": T.ArrayType(T.DoubleType(), containsNull=False),
    "attributes": T.MapType(T.StringType(), T.StringType()),
    "numbers": T.MapType(T.StringType(), T.DoubleType()),
}


def defined_table(
    name: str,
    comment: str,
    columns: str,
    key: str,
    partition: str = "",
    required: str = "",
    checks: Iterable[tuple[str, str]] = (),
) -> Table:
    """A table from `"column type, column type"`; a column that may not be null is in `key` or `required`."""
    not_null = {*key.split(), *required.split()}
    fields = []
    for column in columns.split(","):
        column_name, type_name = column.split()
        fields.append(T.StructField(column_name, _SIMPLE[type_name], column_name not in not_null))
    return Table(
        name,
        comment,
        T.StructType(fields),
        tuple(key.split()),
        tuple(partition.split()),
        tuple(required.split()),
        tuple(checks),
    )


def differences(actual: T.StructType, expected: T.StructType) -> list[str]:
    """Every way in which `actual` differs from `expected`, as text; empty when it fits.

    Column order and nullability are not compared: order is restored on write, and nulls are refused by the
    table's own NOT NULL constraints.
    """
    found = {field.name: field.dataType for field in actual}
    declared = {field.name: field.dataType for field in expected}
    missing = [f"column {name} ({declared[name].simpleString()}) is missing" for name in declared if name not in found]
    unknown = [
        f"column {name} ({found[name].simpleString()}) is not in the table" for name in found if name not in declared
    ]
    retyped = [
        f"column {name} is {found[name].simpleString()}, the table has {declared[name].simpleString()}"
        for name in declared
        if name in found and found[name].simpleString() != declared[name].simpleString()
    ]
    return missing + unknown + retyped
