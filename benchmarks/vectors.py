"""What lies near a product by the vectors of each model, against the truth planted in the demo shop.

    python jobs/embed.py --env demo --as-of 2026-01-01 --set embed.models=[words,item2vec,attributes]
    python -m benchmarks.vectors --lake build/demo/lake --shop build/demo/shop --as-of 2026-01-01

Of the ten nearest of a product by each model of silver.product_vectors: `same_type@10`, the share of its own type (last
level of the category path, which attributes know and the other models do not); `related@10`, the share of planted
complements, substitutes and variants; `launch@10`, for products launched late, the share of the older products of their
group that are found. `chance` is what products sampled at random would have.

    python -m benchmarks.vectors --products 50000

Vectors of words and attributes of generated products, fused: seconds of the exact and of the approximate
search, and the share of the exact lists that the latter finds.
"""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from cartograph.core.model import associate_from_vectors
from cartograph.core.search.approximate import approximate_top_k, recall
from cartograph.core.search.directions import unit_vectors
from cartograph.core.search.topk import top_k
from cartograph.core.views.text import texts, words
from cartograph.embed.attributes import attribute_vectors
from cartograph.embed.concatenation import blocks_of, concatenated, side_by_side
from cartograph.embed.whitening import whitenings, widths_of
from cartograph.embed.words import mean_vectors, word_vectors
from cartograph.runtime.tables import Tables
from cartograph.shop.plan import Plan
from cartograph.shop.raw_products import raw_products

K = 10


def main() -> None:
    """Evaluates the vectors of a lake, or times the search among generated ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", default="build/demo/lake")
    parser.add_argument("--shop", default="build/demo/shop")
    parser.add_argument("--as-of", type=date.fromisoformat)
    parser.add_argument("--products", type=int, help="number of products to generate instead of reading a lake")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("vectors", ["spark.driver_memory=3g", "spark.shuffle_partitions=4"])
    if options.products:
        metrics = searched(spark, options.products, watch)
    else:
        with watch("search"):
            metrics = evaluated(spark, options.lake, options.shop, options.as_of)
    print_result("vectors", "spark", metrics, watch.seconds["search"], watch.seconds["setup"], memory)
    spark.stop()


def evaluated(spark: SparkSession, lake: str, shop: str, as_of: date) -> dict[str, Any]:
    """Metrics per model, and those of random products."""
    tables = Tables(spark, lake)
    products = tables.read("silver.products", as_of).select("product_id", F.element_at("category", -1).alias("type"))
    vectors = tables.read("silver.product_vectors", as_of).localCheckpoint()
    truth = planted(spark, shop, products)
    known = products.select("product_id")
    everything = known.join(known.withColumnRenamed("product_id", "associated_product_id"))
    found = {"chance": measured(everything.where("product_id <> associated_product_id"), truth, found_of=1.0)}
    for model in sorted(row["model"] for row in vectors.select("model").distinct().collect()):
        own = vectors.where(F.col("model") == model).select("product_id", "vector")
        found[model] = {"n": own.count(), **measured(associate_from_vectors(own, K), truth)}
    n_products = known.count()
    found["chance"]["launch@10"] = round(K / (n_products - 1), 4)
    return found


def planted(spark: SparkSession, shop: str, products: DataFrame) -> dict[str, DataFrame]:
    """Pairs product_id, associated_product_id: of one type, with a planted relation, of a launched product's group."""
    names = {"complements": "complement_id", "substitutes": "substitute_id", "variants": "variant_id"}
    related = [
        spark.read.parquet(f"{shop}/truth/{name}").select("product_id", F.col(other).alias("associated_product_id"))
        for name, other in names.items()
    ]
    launched = spark.read.parquet(f"{shop}/truth/new_products")
    return {
        "same_type": products.join(products.withColumnRenamed("product_id", "associated_product_id"), "type"),
        "related": related[0].union(related[1]).union(related[2]).distinct(),
        "launch": launched.join(products, "product_id", "left_semi").select(
            "product_id", F.explode("similar_product_ids").alias("associated_product_id")
        ),
    }


def measured(lists: DataFrame, truth: dict[str, DataFrame], found_of: float | None = None) -> dict[str, float]:
    """Shares of the listed pairs that are true; of `launch`, the share of the true pairs that are listed."""
    pair = ["product_id", "associated_product_id"]
    kept = lists.select(*pair).localCheckpoint()
    shares = {f"{name}@10": kept.join(truth[name], pair, "left_semi").count() / kept.count()
              for name in ("same_type", "related")}  # fmt: skip
    if found_of is None:
        shares["launch@10"] = recall(
            kept.toDF("id", "product_id"), truth["launch"].select(*pair).toDF("id", "product_id")
        )
    return {name: round(share, 4) for name, share in shares.items()}


def searched(spark: SparkSession, n_products: int, watch: Stopwatch) -> dict[str, Any]:
    """Exact and approximate neighbours of generated products."""
    raw = raw_products(spark, Plan(n_products=n_products)).where("dirt IS NULL OR dirt <> 'older_fact'")
    path = F.split("category", " > ")
    products = raw.withColumns({"category": path, "price": F.col("price").try_cast("double")}).persist()
    with watch("embed"):
        product_words = words(texts(products), "english").persist()
        parts = {
            "words": mean_vectors(product_words, word_vectors(product_words, iterations=1)),
            "attributes": attribute_vectors(products),
        }
        rows = [part.select(F.lit(name).alias("model"), "product_id", "vector") for name, part in parts.items()]
        beside = side_by_side(rows[0].union(rows[1]), list(parts)).localCheckpoint()
        found = whitenings(beside, list(parts), 64)
        fused = unit_vectors(concatenated(blocks_of(beside, found), widths_of(found), {})).localCheckpoint()
    queries = fused.withColumnRenamed("product_id", "id")
    with watch("search"):
        exact = top_k(queries, fused, K + 1).localCheckpoint()
    with watch("approximate"):
        near = approximate_top_k(queries, fused, K + 1).localCheckpoint()
    return {
        "n_products": fused.count(),
        "embed_seconds": watch.seconds["embed"],
        "approximate_seconds": watch.seconds["approximate"],
        "approximate_recall": round(recall(near, exact), 4),
    }


if __name__ == "__main__":
    main()
