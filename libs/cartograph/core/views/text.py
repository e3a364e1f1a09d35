"""Texts of products and their words.

Words are runs of letters, marks and digits of any script. Scripts that put no blanks between words (Chinese, Japanese,
Thai and their neighbours) are cut into pairs of characters that overlap, which find the same matches as a dictionary
would nearly as often (Nie, Gao, Zhang and Zhou 2000) and need none.
"""

from __future__ import annotations

from pyspark.ml.feature import StopWordsRemover
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_MARKUP = r"(?s)<[^>]*>|https?://\S+"
_UNSPACED = r"\p{IsHan}\p{IsHiragana}\p{InKatakana}\p{IsThai}\p{IsLao}\p{IsKhmer}\p{IsMyanmar}"
_SPACED = rf"[\p{{L}}\p{{M}}\p{{N}}&&[^{_UNSPACED}]]+"
_RUN = rf"[{_UNSPACED}]+|{_SPACED}"
_POSSESSIVE = r"(?<=\p{L})['’]s\b"


def texts(products: DataFrame) -> DataFrame:
    """One row per product with a title or a description: product_id, text (both, without markup and web addresses).

    Args:
        products: rows of silver.products.
    """
    written = F.regexp_replace(F.concat_ws(". ", "title", "description"), _MARKUP, " ")
    cleaned = F.trim(F.regexp_replace(written, r"\s+", " "))
    return products.select("product_id", cleaned.alias("text")).where("text <> ''")


def words(product_texts: DataFrame, language: str | None = None) -> DataFrame:
    """The same products with their words in order, in lower case, as the column words (array<string>).

    Args:
        product_texts: product_id, text.
        language: whose stop words are left out, one of those Spark knows (`english`, `german` …); None: none are.
    """
    plain = F.regexp_replace(F.lower("text"), _POSSESSIVE, "")
    runs = F.regexp_extract_all(plain, F.lit(_RUN), F.lit(0))
    cut = F.flatten(F.transform(runs, _cut))
    stop_words = StopWordsRemover.loadDefaultStopWords(language) if language else []
    kept = F.filter(cut, lambda word: ~word.isin(stop_words)) if stop_words else cut
    return product_texts.withColumn("words", kept)


def _cut(run: Column) -> Column:
    """A run of letters as its words: itself, or pairs of characters in scripts without blanks."""
    pairs = F.transform(F.sequence(F.lit(1), F.length(run) - 1), lambda place: F.substr(run, place, F.lit(2)))
    is_unspaced = run.rlike(f"^[{_UNSPACED}]") & (F.length(run) > 1)
    return F.when(is_unspaced, pairs).otherwise(F.array(run))
