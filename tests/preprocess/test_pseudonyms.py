"""Pseudonyms are HMAC-SHA-256 as RFC 4231 has it, and the key shows nowhere."""

from __future__ import annotations

import hashlib
import hmac

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.preprocess.pseudonyms import hmac_sha256, pads, pseudonymised

RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]
KEY = b"nobody should read this key in a plan"


def test_the_vectors_of_rfc_4231(spark: SparkSession) -> None:
    rows = [(bytearray(data), *map(bytearray, pads(key)), digest) for key, data, digest in RFC_4231]
    frame = spark.createDataFrame(rows, "data binary, inner_pad binary, outer_pad binary, digest string")
    hashed = frame.select(hmac_sha256(F.col("data"), F.col("inner_pad"), F.col("outer_pad")), "digest").collect()
    assert len(hashed) == 7
    for made, expected in hashed:
        assert made[: len(expected)] == expected


def test_an_id_is_hashed_and_a_guest_stays_a_guest(spark: SparkSession) -> None:
    names = ["12346", "Zoë", "ß" * 200, None]
    frame = spark.createDataFrame([(n, name) for n, name in enumerate(names)], "n int, user_id string")
    made = [row.user_id for row in pseudonymised(frame, ["user_id"], KEY).orderBy("n").collect()]
    assert made == [*(hmac.new(KEY, name.encode(), hashlib.sha256).hexdigest() for name in names if name), None]


def test_the_key_is_in_no_plan(spark: SparkSession) -> None:
    frame = pseudonymised(spark.createDataFrame([("ann",)], "user_id string"), ["user_id"], KEY)
    plan = frame._jdf.queryExecution().toString()
    hidden = [KEY, *pads(KEY)]
    assert "user_id" in plan
    assert not any(text in plan for secret in hidden for text in (secret.hex(), secret.hex().upper(), KEY.decode()))
