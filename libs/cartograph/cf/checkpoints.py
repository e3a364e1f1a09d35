"""Where the state of a factorisation is kept between iterations."""

from __future__ import annotations

import hashlib

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.objective import Objective, Schedule
from cartograph.core.workers.checkpoints import Checkpoints


def checkpoints_of(weights: DataFrame, objective: Objective, schedule: Schedule) -> Checkpoints:
    """The folder named after what is factorised and how: other ratings or another objective mean another folder."""
    cells = F.xxhash64("user_id", "product_id", F.col("weight").cast("float"))
    content = weights.agg(F.count("*"), F.bit_xor(cells), F.sum(F.pmod(cells, F.lit(2**31)))).head()
    settings = (objective, schedule.solver, schedule.seed)
    digest = hashlib.sha256(repr((tuple(content or ()), settings)).encode()).hexdigest()[:16]
    return Checkpoints(weights.sparkSession, "als", digest)
