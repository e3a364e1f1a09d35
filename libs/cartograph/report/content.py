"""What the report shows, as plain values: capped lists of rows, never more than a page can hold."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.plain_text import one_line

Values = dict[str, Any]
_TITLE = 120  # characters of a title that are shown


def shop_facts(events: DataFrame, baskets: DataFrame, products: DataFrame) -> Values:
    """Totals of the shop: n_events, n_orders, n_customers, n_products, first_on, last_on.

    All are exact. Customers are those who did something, without guests: one group each, counted. Products are those
    of the catalogue, sold or not.
    """
    moments = (F.min("event_at").alias("first_on"), F.max("event_at").alias("last_on"))
    by_customer = events.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_events"), *moments)
    totals = by_customer.agg(
        F.coalesce(F.sum("n_events"), F.lit(0)).alias("n_events"),
        F.count("user_id").alias("n_customers"),
        F.min("first_on").alias("first_on"),
        F.max("last_on").alias("last_on"),
    )
    n_products = products.agg(F.count(F.lit(1)).alias("n_products"))
    n_orders = baskets.agg(F.count(F.lit(1)).alias("n_orders"))
    return rows_of(totals.join(n_products).join(n_orders))[0]


def ledger_totals(ledger: DataFrame) -> Values:
    """Rows in, kept, merged, quarantined and duplicate, over all batches."""
    names = ("n_in", "n_kept", "n_merged", "n_quarantined", "n_duplicates")
    totals = ledger.agg(*[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names])
    return rows_of(totals)[0]


def quarantine_reasons(quarantine: DataFrame, limit: int = 20) -> list[Values]:
    """Rows set aside per rule, the commonest first: rule, n, example (the reason given for one of the rows)."""
    counts = quarantine.groupBy("rule").agg(F.count(F.lit(1)).alias("n"), F.min("reason").alias("example"))
    return rows_of(counts.orderBy(F.desc("n"), "rule").limit(limit))


def weekly_sales(events: DataFrame, limit: int = 520) -> list[Values]:
    """One row per week with purchases, oldest first: week (its Monday), n_orders, n_customers, n_items, revenue.

    Orders are made one row each before they are counted, as exact distinct counts copy every row they are made of.
    """
    week = F.date_trunc("week", "event_at").cast("date").alias("week")
    revenue = F.sum(F.col("quantity") * F.col("unit_price")).alias("revenue")
    orders = events.where("event_type = 'purchase'").groupBy(week, "order_id", "user_id")
    sales = (
        orders.agg(F.sum("quantity").alias("n_items"), revenue)
        .groupBy("week")
        .agg(
            F.count_distinct("order_id").alias("n_orders"),
            F.count_distinct("user_id").alias("n_customers"),
            F.coalesce(F.sum("n_items"), F.lit(0)).alias("n_items"),
            F.coalesce(F.round(F.sum("revenue"), 2), F.lit(0.0)).alias("revenue"),
        )
    )
    return rows_of(sales.orderBy(F.desc("week")).limit(limit))[::-1]


def all_weeks(sales: list[Values], first_on: str | None, last_on: str | None) -> list[Values]:
    """The rows of `weekly_sales`, weeks without a sale filled in, each with n_days: how many of its days have data.

    Args:
        sales: of `weekly_sales`.
        first_on, last_on: days of the first and of the last event of any kind; None where there are none.
    """
    if not sales or first_on is None or last_on is None:
        return []
    known = {row["week"]: row for row in sales}
    first, last = date.fromisoformat(first_on), date.fromisoformat(last_on)
    monday = date.fromisoformat(sales[0]["week"])
    weeks = []
    while monday <= last:
        n_days = (min(last, monday + timedelta(days=6)) - max(first, monday)).days + 1
        nothing = {"week": monday.isoformat(), "n_orders": 0, "n_customers": 0, "n_items": 0, "revenue": 0.0}
        weeks.append(known.get(monday.isoformat(), nothing) | {"n_days": n_days})
        monday += timedelta(days=7)
    return weeks


def top_rules(rules: DataFrame, limit: int) -> list[Values]:
    """Rules by falling leverage, the share of baskets beyond what chance would give; redundant ones left out.

    Values: antecedent, consequent (lists of product ids), n_baskets, support, confidence, lift, leverage, q_value,
    is_significant, trend.
    """
    shown = rules.where("not coalesce(is_redundant, false)").withColumn(
        "leverage", F.coalesce("leverage", F.col("support") * (1 - 1 / F.col("lift")))
    )
    measures = ("n_baskets", "support", "confidence", "lift", "leverage", "q_value", "is_significant", "trend")
    best = shown.orderBy(F.desc("leverage"), "antecedent", "consequent").limit(limit)
    return rows_of(best.select("antecedent", "consequent", *measures))


def neighbourhoods(related: DataFrame, baskets: DataFrame, n_products: int, n_related: int) -> list[Values]:
    """Related products of the `n_products` sold in most baskets, best sellers first.

    Values: product_id, n_baskets, related (complements: rank, product_id, score, why each), others (substitutes and
    variants: the same with their relation).
    """
    lines = baskets.select(F.explode("product_ids").alias("product_id"))
    sold = lines.groupBy("product_id").agg(F.count(F.lit(1)).alias("n_baskets"))
    is_complement = F.col("relation") == "complement"
    known = sold.join(related.where(is_complement).select("product_id").distinct(), "product_id", "left_semi")
    best_sellers = known.orderBy(F.desc("n_baskets"), "product_id").limit(n_products)
    entry = F.struct("rank", F.col("associated_product_id").alias("product_id"), "score", "why")
    other = F.struct("relation", "rank", F.col("associated_product_id").alias("product_id"), "why")
    lists = (
        related.where(F.col("rank") <= n_related)
        .join(F.broadcast(best_sellers), "product_id")
        .groupBy("product_id", "n_baskets")
        .agg(
            F.sort_array(F.collect_list(F.when(is_complement, entry))).alias("related"),
            F.sort_array(F.collect_list(F.when(~is_complement, other))).alias("others"),
        )
    )
    return rows_of(lists.orderBy(F.desc("n_baskets"), "product_id"))


def evaluations(evaluation: DataFrame, as_of: date) -> list[Values]:
    """Every value of the newest evaluation before `as_of`, in the columns of gold.evaluation."""
    return rows_of(newest_before(evaluation, as_of).orderBy("model", "slice", "metric", "k"))


def newest_before(rows: DataFrame, as_of: date) -> DataFrame:
    """The rows of the newest day before `as_of`."""
    earlier = rows.where(F.col("as_of") < F.lit(as_of))
    return earlier.join(F.broadcast(earlier.agg(F.max("as_of").alias("as_of"))), "as_of")


def example_customers(recommendations: DataFrame, events: DataFrame, n_customers: int, n_rows: int) -> list[Values]:
    """A few customers, drawn by a hash: what they bought last and what they are shown.

    Values: user_id, past (product_id, event_type, event_at, newest first), shown (product_id, models, why).
    """
    past = events.where("event_type = 'purchase'").join(
        recommendations.select("user_id").distinct(), "user_id", "left_semi"
    )
    drawn = past.select("user_id").distinct().orderBy(F.xxhash64("user_id"), "user_id").limit(n_customers)
    event = F.struct((-F.unix_timestamp("event_at")).alias("age"), "product_id", "event_type", "event_at")
    histories = past.join(F.broadcast(drawn), "user_id").groupBy("user_id").agg(
        F.slice(F.sort_array(F.collect_list(event)), 1, n_rows).alias("past")
    )  # fmt: skip
    lists = (
        recommendations.where(F.col("rank") <= n_rows)
        .join(F.broadcast(drawn), "user_id")
        .groupBy("user_id")
        .agg(F.sort_array(F.collect_list(F.struct("rank", "product_id", "models", "why"))).alias("shown"))
    )
    return rows_of(histories.join(lists, "user_id").orderBy(F.xxhash64("user_id"), "user_id"))


def product_ids(shown: Values) -> set[str]:
    """Every product that the collected content names."""
    rules = {name for rule in shown["rules"] for name in (*rule["antecedent"], *rule["consequent"])}
    centres = {item["product_id"] for item in shown["neighbourhoods"]}
    related = {other["product_id"] for item in shown["neighbourhoods"] for other in (*item["related"], *item["others"])}
    customers = {item["product_id"] for one in shown["customers"] for item in (*one["past"], *one["shown"])}
    leaders = {name for one in shown["communities"] for name in one["leaders"]}
    mapped = {node["product_id"] for node in shown["community_map"]["nodes"]}
    bundled = {name for one in shown["bundles"] for name in one["product_ids"]}
    return rules | centres | related | customers | leaders | mapped | bundled


def titles(products: DataFrame, product_ids: set[str]) -> dict[str, str]:
    """The title of each product asked for, in one line; its id where it has none."""
    if not product_ids:
        return {}
    asked = products.sparkSession.createDataFrame([(name,) for name in sorted(product_ids)], "product_id string")
    found = products.join(F.broadcast(asked), "product_id").select("product_id", "title")
    known = {row["product_id"]: row["title"] for row in rows_of(found) if row["title"]}
    return {name: one_line(known.get(name, name), _TITLE) for name in product_ids}


def rows_of(frame: DataFrame) -> list[Values]:
    """The rows as plain values."""
    return [_plain(row.asDict(recursive=True)) for row in frame.collect()]


def _plain(value: Any) -> Any:
    """Days and instants as ISO text, everything else as it is."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else value
