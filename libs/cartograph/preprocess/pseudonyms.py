"""Pseudonyms of customers: keyed HMAC-SHA-256 (RFC 2104, FIPS 198-1) as a Spark expression."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

_BLOCK = 64  # Bytes of a SHA-256 block.
_INNER, _OUTER = "__inner_pad", "__outer_pad"


def pads(key: bytes) -> tuple[bytes, bytes]:
    """The key xor'ed with the inner and the outer pad; a key longer than a block is hashed first."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def hmac_sha256(message: Column, inner: Column, outer: Column) -> Column:
    """The HMAC of a binary column as 64 hexadecimal digits; null stays null."""
    digest = F.unhex(F.sha2(F.concat(inner, message), 256))
    return F.sha2(F.concat(outer, digest), 256)


def pseudonymised(rows: DataFrame, columns: Sequence[str], key: bytes) -> DataFrame:
    """The same rows, the ids in `columns` replaced by pseudonyms; null stays null.

    The pads are joined as a one-row frame instead of literals, so that no query plan, event log or UI shows the key.
    """
    spark: SparkSession = rows.sparkSession
    row = spark.sparkContext.parallelize([tuple(bytearray(pad) for pad in pads(key))], 1)
    padded = rows.crossJoin(F.broadcast(spark.createDataFrame(row, f"{_INNER} binary, {_OUTER} binary")))
    for column in columns:
        padded = padded.withColumn(column, hmac_sha256(F.encode(column, "UTF-8"), F.col(_INNER), F.col(_OUTER)))
    return padded.drop(_INNER, _OUTER)
