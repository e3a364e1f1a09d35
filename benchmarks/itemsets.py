"""Frequent itemsets of a file of baskets: how many, how fast, and how fast the public peers find the same.

    python -m benchmarks.itemsets --baskets retail.dat.gz --min-support 0.001 --peers
    python -m benchmarks.itemsets --baskets groceries.csv --format csv --min-support 0.006 --min-confidence 0.25

`seconds` is mining, from baskets held in memory by Spark to the itemsets held in memory by Spark: counting the items
and making the frame of the result are part of it. It is the fastest of `--rounds` times, which stand in `rounds`;
MLlib is timed in the same way. Rules are timed separately, in `rules_seconds`. The peers: Spark's FPGrowth in the same
session, and packages of the bench environment, given the baskets as the lists or matrix that each expects, once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from pyspark.ml.fpm import FPGrowth
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.basket_files import FORMATS, read_baskets
from benchmarks.harness import PeakMemory, Stopwatch, attempted, print_result, run_peer, spark_session
from cartograph.core.views.baskets import minimum_count
from cartograph.rules.derivation import rules_from_itemsets
from cartograph.rules.mining import choose_engine, mine
from cartograph.rules.settings import Engine, MiningSettings

_SLICE = 2_000  # baskets that engines warm up on …
_FEWEST = 20  # … and the least number of them that an itemset must be in
PACKAGES = ("pyfim", "rusket", "mlxtend", "efficient-apriori")


def main() -> None:
    """Mines the file once per support, and has the peers mine it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baskets", required=True, help="file or folder of baskets")
    parser.add_argument("--format", choices=FORMATS, default="auto")
    parser.add_argument("--min-support", type=float, required=True, help="share of the baskets")
    parser.add_argument("--min-confidence", type=float, help="count the rules of this confidence too")
    parser.add_argument("--max-length", type=int, default=0, help="most items in an itemset; 0: no limit")
    parser.add_argument("--engine", choices=get_args(Engine), default="auto")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions, also of MLlib; the fastest counts")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peer-limit", type=int, default=120, help="seconds after which a peer is stopped")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("itemsets", ["spark.driver_memory=3g"])
        baskets = read_baskets(spark, options.baskets, options.format)
        baskets = baskets.repartition(spark.sparkContext.defaultParallelism).persist()
        n_baskets = baskets.count()
        settings = MiningSettings(engine=options.engine, min_support=options.min_support, max_length=options.max_length)
        warm_up(baskets, n_baskets, settings)
    itemsets, rounds = timed(lambda: mine(baskets, settings), options.rounds)
    metrics = {"n_itemsets": itemsets.count()}
    if options.min_confidence is not None:
        with watch("rules"):
            metrics["n_rules"] = rules_from_itemsets(itemsets, options.min_confidence).count()
    peers = peers_of(baskets, n_baskets, options) if options.peers else {}
    engine, reason = choose_engine(options.engine)
    print_result(
        "itemsets", engine, metrics, min(rounds), watch.seconds["setup"], memory, peers,
        engine_reason=reason, rounds=rounds, rules_seconds=watch.seconds.get("rules"), n_baskets=n_baskets,
        min_support=options.min_support, baskets=Path(options.baskets).name,
    )  # fmt: skip
    spark.stop()


def warm_up(baskets: DataFrame, n_baskets: int, settings: MiningSettings) -> int:
    """Has both engines mine a slice of the baskets, as a session in use has done with others already.

    It starts the Python workers, loads the compiled code, and lets the JVM compile what moves baskets. The support
    is the requested one, as dense baskets have itemsets without end below it; it is higher where the slice is so small
    that some would occur at random. Returns how many itemsets there were.
    """
    few = baskets.limit(_SLICE)
    support = min(max(settings.min_support, _FEWEST / min(_SLICE, n_baskets)), 1.0)
    engines = dict.fromkeys((settings.engine, "mllib"))
    return max(mine(few, settings, min_support=support, engine=each).count() for each in engines)


def peers_of(baskets: DataFrame, n_baskets: int, options: argparse.Namespace) -> dict[str, dict[str, Any] | None]:
    """What the peers make of the same baskets."""
    found: dict[str, dict[str, Any] | None] = {"mllib": attempted(lambda: mllib(baskets, n_baskets, options))}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "baskets.arrow"
        table = baskets.select("product_ids").toArrow()
        import pyarrow.feather as feather

        feather.write_feather(table, str(file), compression="uncompressed")
        asked = {"baskets": str(file), "min-count": minimum_count(options.min_support, n_baskets)}
        asked |= {"max-length": options.max_length, "limit": options.peer_limit}
        for package in PACKAGES:
            arguments = [f"--package={package}", *(f"--{key}={value}" for key, value in asked.items())]
            found[package] = run_peer("benchmarks.peers.itemsets", arguments)
    return found


def mllib(baskets: DataFrame, n_baskets: int, options: argparse.Namespace) -> dict[str, Any]:
    """Spark's own FPGrowth, to the same point: its itemsets held in memory."""
    items = baskets.select(F.col("product_ids").alias("items"))
    least = (minimum_count(options.min_support, n_baskets) - 0.5) / n_baskets

    def find() -> DataFrame:
        found = FPGrowth(itemsCol="items", minSupport=least).fit(items).freqItemsets
        return found.where(F.size("items") <= options.max_length) if options.max_length else found

    found, rounds = timed(find, options.rounds)
    return {"seconds": min(rounds), "rounds": rounds, "metrics": {"n_itemsets": found.count()}}


def timed(find: Callable[[], DataFrame], n_rounds: int) -> tuple[DataFrame, list[float]]:
    """The itemsets of the last round, held in memory, and the seconds that each round took to have them there."""
    rounds: list[float] = []
    while True:
        start = time.perf_counter()
        found = find().persist()
        found.count()
        rounds.append(round(time.perf_counter() - start, 3))
        if len(rounds) >= n_rounds:
            return found, rounds
        found.unpersist()


if __name__ == "__main__":
    main()
