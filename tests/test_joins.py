"""No join sends to every executor what grows with customers, baskets or products.

What Spark decides by itself is settled by `conf/spark-defaults.conf`; what the code asks for stands here, with the
reason why it stays small however large the shop is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from cartograph.runtime.config import load_config
from cartograph.runtime.session import session_settings

ROOT = Path(__file__).parents[1]
ONE, FILES, LISTS, SEGMENTS, SHOWN = (
    "one row", "a row per file or source", "a row per place of a list, and model or slice",
    "a list per segment of customers", "a number of rows that a setting or a page limits",
)  # fmt: skip
# Per file, what is broadcast (as it is written) and why it is small.
SMALL: dict[str, dict[str, str]] = {
    "cf/popularity.py": {
        "newest": ONE,
        "everybody.agg(F.sum('score').alias('total'))": ONE,
        "longest": ONE,
        "top": SHOWN,
        "totals": SEGMENTS,
        "self.segment_popularity_.select('segment').distinct()": SEGMENTS,
        "lists": SEGMENTS,
        "head.select('segment', 'product_id', 'score')": SEGMENTS,
    },
    "core/views/interactions.py": {"last": ONE, "mean": ONE},
    "audit/count_checks.py": {"claimed": SHOWN, "rows.select(*pair)": SHOWN},
    "evaluate/exposure.py": {"askers": LISTS, "n_products": ONE},
    "evaluate/beyond_accuracy.py": {"expected": LISTS, "never_bought": ONE},
    "evaluate/popularity.py": {
        "_bands(products, settings)": "a row per number of buyers: the root of twice the purchases",
        "n_all_users": ONE,
    },
    "experiment/reward_rates.py": {"of_ranks": LISTS},
    "evaluate/list_scores.py": {"models": LISTS, "n_universe": ONE},
    "evaluate/slices.py": {"kept": SHOWN},
    "graph/analytics/by_graphframes.py": {"total": ONE},
    "graph/analytics/bundles.py": {"totals": ONE},
    "graph/relations/text_similarity.py": {"n_products": ONE},
    "graph/relations/variant_counts.py": {"sets.select(F.count('*').alias('all_orders'))": ONE},
    "graph/relations/scored_pairs.py": {"_timing(edges)": ONE},
    "ingest/plan.py": {
        "spark.createDataFrame(known, columns)": FILES,
        "lookups[name].drop(*INTERNAL)": "an input that a source declares small",
    },
    "preprocess/increment.py": {"new": FILES},
    "preprocess/listings.py": {
        "batches.select('batch_id', 'is_whole', 'delivered_at')": FILES,
        "of_batch.drop('source')": FILES,
        "times": FILES,
    },
    "preprocess/pseudonyms.py": {"spark.createDataFrame(row, f'{_INNER} binary, {_OUTER} binary')": ONE},
    "preprocess/raw_rows.py": {"ids": FILES},
    "rank/reranking/cold_start.py": {"anywhere": ONE},
    "rank/fusion/reciprocal_ranks.py": {"probabilities": LISTS},
    "rank/fusion/affinity_features.py": {"total": ONE, "shares": "a row per region"},
    "report/rows.py": {"earlier.agg(F.max('as_of').alias('as_of'))": ONE},
    "report/sections/communities/query.py": {"ends[0]": SHOWN, "ends[1]": SHOWN},
    "report/sections/customers/query.py": {"sampled": SHOWN},
    "report/sections/related_products/query.py": {"best": SHOWN},
    "report/summary.py": {"best": SHOWN},
    "report/titles.py": {"asked": SHOWN},
    "rules/significance.py": {"layers": "a row per length of an itemset"},
}  # fmt: skip


def broadcasts(path: Path) -> Iterator[str]:
    """What a file asks Spark to send to all executors, as it is written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "F.broadcast":
            yield ast.unparse(node.args[0])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "hint":
            yield ast.unparse(node)


def test_every_broadcast_is_of_something_small() -> None:
    found: set[tuple[str, str]] = set()
    for folder, below in ((ROOT / "libs" / "cartograph", ROOT / "libs" / "cartograph"), (ROOT / "jobs", ROOT)):
        for path in folder.rglob("*.py"):
            found |= {(path.relative_to(below).as_posix(), each) for each in broadcasts(path)}
    explained = {(name, each) for name, reasons in SMALL.items() for each in reasons}
    assert not found - explained, "say in SMALL why these stay small, or leave the hint out: Spark measures by itself"
    assert not explained - found, "these are broadcast no longer"


def test_spark_by_itself_broadcasts_only_what_it_has_measured() -> None:
    for env in ("demo", "local", "cluster"):
        settings = session_settings(load_config(env))
        assert settings["spark.sql.autoBroadcastJoinThreshold"] == "-1"
        assert settings["spark.sql.adaptive.enabled"] == "true"
        assert settings["spark.sql.adaptive.autoBroadcastJoinThreshold"] == "2m"
