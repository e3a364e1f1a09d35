"""Titles: normalised text, and which of several titles is shown."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.functions import pandas_udf

# 500 ML, 500ml and 500 ml are one size. `in` and `m` are left out because they are words too.
_SIZE = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s*(ml|cl|dl|ltr|l|mg|kg|gr|g|oz|lbs?|mm|cm|ft)\b\.?", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060\ufeff\u00ad\x00-\x08\x0e-\x1f\x7f]")
_SAME_UNIT = {"ltr": "l", "gr": "g", "lbs": "lb"}


def normalised(text: str) -> str:
    """Text without HTML entities, odd Unicode forms and needless blanks, sizes as `500ml`; case is preserved."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", html.unescape(html.unescape(text))))
    sized = _SIZE.sub(lambda size: size[1] + _SAME_UNIT.get(size[2].lower(), size[2].lower()), plain)
    return _BLANKS.sub(" ", sized).strip()


@pandas_udf(T.StringType())  # type: ignore[call-overload]
def normalised_titles(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
    """`normalised` on a column; empty results are null."""
    for texts in batches:
        yield texts.map(lambda text: (normalised(text) or None) if text is not None else None)


def shown_titles(records: DataFrame) -> DataFrame:
    """product_id and the title that is shown.

    A title of a catalogue takes precedence over those of order lines (records with n_seen); among catalogues the newest
    wins, among order lines the most frequent. Spellings that differ only in case are one title, shown in its most
    frequent spelling.

    Args:
        records: product_id, title (normalised), seen_at timestamp, n_seen long (null for a catalogue's row).
    """
    is_catalogue = F.col("n_seen").isNull()
    spellings = records.where("title IS NOT NULL").groupBy("product_id", "title")
    spelled = spellings.agg(
        F.max(is_catalogue).alias("is_catalogue"),
        F.max(F.when(is_catalogue, F.coalesce("seen_at", F.timestamp_seconds(F.lit(0))))).alias("listed_at"),
        F.sum(F.coalesce("n_seen", F.lit(1))).alias("n_spelled"),
        F.max("seen_at").alias("last_at"),
    )
    one_title = Window.partitionBy("product_id", F.lower("title"))
    counted = spelled.withColumn("n_titled", F.sum("n_spelled").over(one_title))
    order = F.struct("is_catalogue", "listed_at", "n_titled", "n_spelled", "last_at", "title")
    return counted.groupBy("product_id").agg(F.max_by("title", order).alias("title"))
