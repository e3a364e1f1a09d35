"""Raw text as values: ids, numbers and instants, read as a source's `Cleaning` declares."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning

BLANKS = " \t\r\n\u00a0"  # Removed around a value.
MISSING = ("null", "(null)", "nan", "none", "n/a", "#n/a", "<na>", "nat", "nil", "undefined")
_YEARS = (1900, 2199)  # Others can only be mistakes, and do not fit nanosecond timestamps in later steps.
_ISO_DAY = r"^\s*\d{4}-\d{1,2}-\d{1,2}"
_NUMERIC_DAY = r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:[T ,]+(.*?))?\s*$"
_TWELVE_HOURS = r"(?i)^(\d{1,2})((?::\d{2}){0,2})\s*([ap])\.?m\.?$"
_COMPACT = r"^\s*(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?)?\s*$"
_SEPARATORS = {"comma": ",", "point": r"\.", "blank": r"[ \u00a0\u202f]", "apostrophe": "['\u2019]"}


def text(column: str) -> Column:
    """Text without surrounding blanks of any kind; empty text is null."""
    return F.nullif(F.btrim(F.col(column), F.lit(BLANKS)), F.lit(""))


def identifier(column: str, cleaning: Cleaning) -> Column:
    """An id, normalised unless the source declares `ids: as_written`; null where there is none.

    Spreadsheets and data frames write numbers as `17850.0` and missing values as `nan`.
    """
    if cleaning.ids == "as_written":
        return F.nullif(F.col(column), F.lit(""))
    trimmed = text(column)
    number = F.regexp_replace(trimmed, r"^(\d+)\.0+$", "$1")
    return F.when(~F.lower(trimmed).isin(list(MISSING)), number)


def number(column: str, cleaning: Cleaning) -> Column:
    """A finite number as double, as the source writes numbers; null where the text is none.

    Thousands must stand in groups of three, so that 1,5 is not read as 15.
    """
    written = F.btrim(F.col(column), F.lit(BLANKS))
    point = "," if cleaning.decimals == "comma" else r"\."
    if cleaning.thousands != "none":
        group = _SEPARATORS[cleaning.thousands]
        is_grouped = written.rlike(rf"^[+-]?\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d*)?$")
        joined = F.when(is_grouped, F.regexp_replace(written, group, ""))
        written = F.when(written.rlike(group), joined).otherwise(written)
    if cleaning.decimals == "comma":
        written = F.regexp_replace(written, ",", ".")
    value = written.try_cast("double")
    return F.when(F.abs(value) < float("inf"), value)


def instant(column: str, cleaning: Cleaning) -> Column:
    """A time in UTC, as the source writes times; null where the text is none.

    A bare year, or a time of day (which Spark would place today), is not accepted.
    """
    written = F.col(column)
    if cleaning.dates == "iso":
        return _in_range(F.when(written.rlike(_ISO_DAY), written.try_cast("timestamp")))
    if cleaning.dates == "compact":
        day = _joined("-", *[F.regexp_extract(written, _COMPACT, part) for part in (1, 2, 3)])
        parts = [F.regexp_extract(written, _COMPACT, part) for part in (4, 5, 6)]
        time = F.concat_ws(":", *[F.nullif(part, F.lit("")) for part in parts])
        return _in_range(F.concat_ws(" ", day, F.nullif(time, F.lit(""))).try_cast("timestamp"))
    if cleaning.dates in ("unix_seconds", "unix_milliseconds"):
        seconds = written.try_cast("double") / (1 if cleaning.dates == "unix_seconds" else 1000)
        is_time = F.abs(seconds) < 1e10
        return _in_range(F.when(is_time, F.timestamp_micros((seconds * 1_000_000).cast("long"))))
    return _in_range(_numeric_day(written, is_day_first=cleaning.dates == "day_first"))


def _numeric_day(written: Column, is_day_first: bool) -> Column:
    """31.05.2025 or 5/31/25, with or without a time on the 24-hour or 12-hour clock."""
    first, second, year, rest = (F.regexp_extract(written, _NUMERIC_DAY, part) for part in (1, 2, 3, 4))
    day, month = (first, second) if is_day_first else (second, first)
    full_year = F.when(F.length(year) == 2, F.concat(F.lit("20"), year)).otherwise(year)
    hour, minutes, half = (F.regexp_extract(rest, _TWELVE_HOURS, part) for part in (1, 2, 3))
    hour_of_day = hour.try_cast("int") % 12 + F.when(F.lower(half) == "p", 12).otherwise(0)
    of_halves = F.concat(hour_of_day.cast("string"), F.when(minutes == "", ":00").otherwise(minutes))
    time = F.when(rest.rlike(_TWELVE_HOURS), of_halves).otherwise(F.nullif(rest, F.lit("")))
    return F.concat_ws(" ", _joined("-", full_year, month, day), time).try_cast("timestamp")


def _joined(separator: str, *parts: Column) -> Column:
    return F.concat_ws(separator, *[F.lpad(part, 2, "0") if n else part for n, part in enumerate(parts)])


def _in_range(at: Column) -> Column:
    return F.when(F.year(at).between(*_YEARS), at)
