"""Where the state of a factorisation is saved between iterations."""

from __future__ import annotations

import hashlib

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.settings import AlsSettings
from cartograph.core.workers.checkpoints import Checkpoints

_DECISIVE = ("rank", "alpha", "regularisation", "frequency_power", "implicit", "solver", "seed")


def checkpoints_of(weights: DataFrame, settings: AlsSettings) -> Checkpoints:
    """The folder named after what is factorised and how: other ratings or another objective mean another folder."""
    cells = F.xxhash64("user_id", "product_id", F.col("weight").cast("float"))
    content = weights.agg(F.count("*"), F.bit_xor(cells), F.sum(F.pmod(cells, F.lit(2**31)))).head()
    decisive = tuple(getattr(settings, name) for name in _DECISIVE)
    digest = hashlib.sha256(repr((tuple(content or ()), decisive)).encode()).hexdigest()[:16]
    return Checkpoints(weights.sparkSession, "als", digest)
