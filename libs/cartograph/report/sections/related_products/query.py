"""Related products of the best sellers."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.report.report_day import ReportDay
from cartograph.report.rows import Values, rows_of

LABEL = "Related products"


def content(day: ReportDay) -> Values:
    """best_sellers, as `best_sellers` gives them."""
    related, baskets = day.read("gold.related_products"), day.read("silver.baskets")
    return {"best_sellers": best_sellers(related, baskets, day.settings.n_products, day.settings.n_related)}


def product_ids(content: Values) -> set[str]:
    """The best sellers and their related products."""
    others = (other for item in content["best_sellers"] for other in (item, *item["related"], *item["others"]))
    return {item["product_id"] for item in others}


def best_sellers(related: DataFrame, baskets: DataFrame, n_products: int, n_related: int) -> list[Values]:
    """Related products of the `n_products` sold in most baskets, best sellers first.

    Values: product_id, n_baskets, related (complements: rank, product_id, score, why each), others (substitutes and
    variants: the same with their relation).
    """
    lines = baskets.select(F.explode("product_ids").alias("product_id"))
    sold = lines.groupBy("product_id").agg(F.count(F.lit(1)).alias("n_baskets"))
    is_complement = F.col("relation") == "complement"
    known = sold.join(related.where(is_complement).select("product_id").distinct(), "product_id", "left_semi")
    best = known.orderBy(F.desc("n_baskets"), "product_id").limit(n_products)
    entry = F.struct("rank", F.col("associated_product_id").alias("product_id"), "score", "why")
    other = F.struct("relation", "rank", F.col("associated_product_id").alias("product_id"), "why")
    lists = (
        related.where(F.col("rank") <= n_related)
        .join(F.broadcast(best), "product_id")
        .groupBy("product_id", "n_baskets")
        .agg(
            F.sort_array(F.collect_list(F.when(is_complement, entry))).alias("related"),
            F.sort_array(F.collect_list(F.when(~is_complement, other))).alias("others"),
        )
    )
    return rows_of(lists.orderBy(F.desc("n_baskets"), "product_id"))
