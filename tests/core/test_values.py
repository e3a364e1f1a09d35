"""Raw text as ids, numbers and instants, one case a row, all ways of writing in one query each."""

from __future__ import annotations

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.cleaning.values import identifier, instant, number

IDS = {
    "17850": "17850",
    "17850.0": "17850",
    " C001\u00a0": "C001",
    "\t": None,
    "NULL": None,
    "nan": None,
    "None": None,
    "N/A": None,
    "#N/A": None,
    "NA": "NA",
    "1.0.0": "1.0.0",
    "v1.0": "v1.0",
    "007": "007",
}
NUMBERS = [
    (Cleaning(), "1.5", 1.5),
    (Cleaning(), " 1e3 ", 1000.0),
    (Cleaning(), "1,5", None),
    (Cleaning(), "inf", None),
    (Cleaning(decimals="comma"), "1,5", 1.5),
    (Cleaning(decimals="comma"), "-0,734", -0.734),
    (Cleaning(decimals="comma", thousands="point"), "1.000,50", 1000.5),
    (Cleaning(decimals="comma", thousands="point"), "12.345.678", 12345678.0),
    (Cleaning(decimals="comma", thousands="point"), "12.5", None),
    (Cleaning(thousands="comma"), "1,234.5", 1234.5),
    (Cleaning(thousands="comma"), "1,5", None),
    (Cleaning(thousands="comma"), "7", 7.0),
    (Cleaning(thousands="blank"), "1\u202f234", 1234.0),
    (Cleaning(thousands="apostrophe"), "1'234.5", 1234.5),
]
INSTANTS = [
    (Cleaning(), "2025-05-31T09:00:00Z", datetime(2025, 5, 31, 9)),
    (Cleaning(), "2025-05-31 09:00:00+02:00", datetime(2025, 5, 31, 7)),
    (Cleaning(), "31.05.2025", None),
    (Cleaning(), "2025", None),
    (Cleaning(dates="day_first"), "03.01.2024", datetime(2024, 1, 3)),
    (Cleaning(dates="day_first"), "3/1/24 9:05", datetime(2024, 1, 3, 9, 5)),
    (Cleaning(dates="day_first"), "31.02.2024", None),
    (Cleaning(dates="day_first"), "2024-01-03", None),
    (Cleaning(dates="month_first"), "5/31/2025 9:05:07 PM", datetime(2025, 5, 31, 21, 5, 7)),
    (Cleaning(dates="month_first"), "5/31/2025, 12:00 am", datetime(2025, 5, 31)),
    (Cleaning(dates="month_first"), "31/5/2025", None),
    (Cleaning(dates="compact"), "20250531", datetime(2025, 5, 31)),
    (Cleaning(dates="compact"), "20250531 0905", datetime(2025, 5, 31, 9, 5)),
    (Cleaning(dates="compact"), "20250531T090507", datetime(2025, 5, 31, 9, 5, 7)),
    (Cleaning(dates="compact"), "2025053", None),
    (Cleaning(dates="unix_seconds"), "1748682000.5", datetime(2025, 5, 31, 9, 0, 0, 500000)),
    (Cleaning(dates="unix_milliseconds"), "1748682000500", datetime(2025, 5, 31, 9, 0, 0, 500000)),
    (Cleaning(dates="unix_seconds"), "1748682000500", None),
    (Cleaning(dates="unix_seconds"), "soon", None),
]


def test_ids_are_normalised_unless_the_source_says_otherwise(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(text,) for text in IDS], "given string")
    found = rows.select(identifier("given", Cleaning()), identifier("given", Cleaning(ids="as_written"))).collect()
    assert {text: row[0] for text, row in zip(IDS, found, strict=True)} == IDS
    assert [row[1] for row in found] == list(IDS)


@pytest.mark.parametrize(("read", "cases"), [(number, NUMBERS), (instant, INSTANTS)], ids=["numbers", "instants"])
def test_numbers_and_times_are_read_as_their_source_writes_them(spark, read, cases) -> None:  # type: ignore[no-untyped-def]
    rows = spark.createDataFrame([tuple(text for _, text, _ in cases)], [f"c{n}" for n in range(len(cases))])
    [found] = rows.select(*[read(f"c{n}", cleaning) for n, (cleaning, *_) in enumerate(cases)]).collect()
    assert list(found) == [value for *_, value in cases]
