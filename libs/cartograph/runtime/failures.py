"""Errors of a table or of rows for it, and Delta's own refusals in the same terms."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from cartograph.core.errors import UserError


class TableError(UserError):
    """A table cannot be read or written as asked."""


class TableMissing(TableError):
    """No step has written this table yet."""


class SchemaMismatch(TableError):
    """Columns are not the table's; the message names every difference."""


class RowsRefused(TableError):
    """Rows break a constraint, repeat a key, or are outside the partition that is being replaced."""


class DigestChanged(TableError):
    """The same batch was appended before from different input."""


class WriteConflict(TableError):
    """Another program changed the table during the write; nothing was written."""


_CHECK = re.compile(r"CHECK constraint (\w+) (\(.*?\)) violated by row with values:\s*(.*?)(?:\n\s*\n|\n\tat |$)", re.S)
_NOT_NULL = re.compile(r"NOT NULL constraint violated for column: (\w+)")
_RAISED = re.compile(r"\[USER_RAISED_EXCEPTION\] (.*?)(?: SQLSTATE: \w+|$)", re.M)
_CONFLICT = re.compile(r"\[(DELTA_CONCURRENT\w+|DELTA_\w*CHANGED\w*)\]|Concurrent\w+Exception")


def raised_on_purpose(error: Exception) -> UserError | None:
    """The message of an expression that refused rows (`F.raise_error`); None for any other error."""
    found = _RAISED.search(str(error))
    return UserError(found[1]) if found else None


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Turns Delta's refusal of rows or of a conflicting commit into an error that names table and constraint."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        text = str(error)
        if check := _CHECK.search(text):
            values = ", ".join(line.strip(" -") for line in check[3].splitlines() if line.strip())
            raise RowsRefused(f"the rows for {name} break CHECK {check[1]} {check[2]}, for example {values}") from error
        if column := _NOT_NULL.search(text):
            raise RowsRefused(f"the rows for {name} break NOT NULL {column[1]}") from error
        if _CONFLICT.search(text):
            raise WriteConflict(f"{name} was changed by another program during the write; run the job again") from error
        raise
