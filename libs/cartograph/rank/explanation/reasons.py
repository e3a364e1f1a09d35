"""The sentences that explain to shoppers why a product is shown, made of counted evidence only."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.rank.explanation.pair_evidence import MIN_COUNT

NEW = "new in the shop"
NEXT = "customers often choose this next"


def of_pair() -> Column:
    """'bought together in 212 orders, 3.4 times more often than expected': from n_baskets, lift, n_users.

    Null if no customer bought both.
    """
    in_orders = F.concat(F.lit("bought together in "), counted("n_baskets", "order"), above_expectation())
    by_customers = F.concat(counted("n_users", "customer"), F.lit(" bought both in separate orders"))
    return (
        F.when(F.col("n_baskets") >= MIN_COUNT, in_orders)
        .when(F.col("n_users") >= MIN_COUNT, by_customers)
        .when(F.col("n_baskets") == 1, in_orders)
        .when(F.col("n_users") == 1, by_customers)
    )


def of_path(title: Column) -> Column:
    """'both go well with WHITE LANTERN': from the title of the product that connects the two."""
    return F.concat(F.lit("both go well with "), title)


def of_similar_customers() -> Column:
    """Why two products are related that no customer bought both of, from models (those that voted)."""
    by_content = F.col("models") == F.array(F.lit("content"))
    return F.when(by_content, "similar in description, features and use").otherwise(
        "popular with customers like those who bought it"
    )


def of_relation() -> Column:
    """'viewed together in 12 sessions, 3.4 times more often than expected': from relation, n_views, lift, n_shared."""
    viewed = F.concat(F.lit("viewed together in "), counted("n_views", "session"), above_expectation())
    shared = F.concat(F.lit("goes well with "), F.format_number("n_shared", 0), F.lit(" of the same products"))
    substitute = F.when(F.col("n_views") > 0, viewed).otherwise(shared)
    variant = "the same product in another size, colour or pack size"
    return F.when(F.col("relation") == "variant", variant).otherwise(substitute)


def above_expectation() -> Column:
    """', 3.4 times more often than expected', from lift; empty if the lift is about 1 or less."""
    lift = F.col("lift")
    times = F.when(lift >= 10, F.format_number(lift, 0)).otherwise(F.format_number(lift, 1))
    text = F.concat(F.lit(", "), times, F.lit(" times more often than expected"))
    return F.when(lift >= 1.1, text).otherwise(F.lit(""))


def of_history(title: Column) -> Column:
    """'you bought WHITE LANTERN on 3 May 2011': from event_type and event_at of a product in the customer's history."""
    kind = F.col("event_type")
    did = (
        F.when(kind == "cart", F.concat(F.lit("added "), title, F.lit(" to your basket")))
        .when(kind == "rating", F.concat(F.lit("rated "), title))
        .when(kind == "view", F.concat(F.lit("viewed "), title))
        .otherwise(F.concat(F.lit("bought "), title))
    )
    return F.concat(F.lit("you "), did, F.lit(" on "), F.date_format("event_at", "d MMMM yyyy"))


def of_own_purchases() -> Column:
    """'you bought it on 3 days, most recently on 3 May 2011': from n_days and last_at."""
    day = F.date_format("last_at", "d MMMM yyyy")
    once = F.concat(F.lit("you bought it on "), day)
    often = F.concat(F.lit("you bought it on "), F.col("n_days").cast("string"), F.lit(" days, most recently on "), day)
    return F.when(F.col("n_days") > 1, often).otherwise(once)


def of_sequence(titles: Column) -> Column:
    """'based on your recent activity, especially WHITE LANTERN': from titles of own products, most important first."""
    return F.concat(F.lit("based on your recent activity, especially "), F.array_join(titles, " and "))


def of_exploration() -> Column:
    """Why a new product is tried."""
    return F.lit("a new arrival that we are introducing to customers")


def of_voters(user_models: Sequence[str], liked: Column) -> Column:
    """The reason if no pair of products explains it, from models and n_buyers: similar customers, or popularity.

    `liked` (array) has the titles of the own products that the customers are similar by; null if unknown.
    """
    by_products = F.concat(F.lit("popular with customers who share your interest in "), F.array_join(liked, " and "))
    similar = F.when(F.size(liked) > 0, by_products).otherwise("popular with customers similar to you")
    popular = F.concat(F.lit("popular: bought by "), counted("n_buyers", "customer"))
    by_similarity = F.arrays_overlap("models", F.array(*[F.lit(name) for name in user_models]).cast("array<string>"))
    return F.when(by_similarity, similar).when(F.col("n_buyers") > 0, popular).otherwise(NEW)


def of_best_seller() -> Column:
    """'popular in your region: bought by 12 customers', from n_buyers and is_local."""
    where = F.when(F.col("is_local"), "popular in your region").otherwise("popular")
    bought = F.concat(where, F.lit(": bought by "), counted("n_buyers", "customer"))
    return F.when(F.col("n_buyers") > 0, bought).otherwise(NEW)


def counted(column: str, noun: str) -> Column:
    """'1 order', '1,212 orders'."""
    ending = F.when(F.col(column) == 1, f" {noun}").otherwise(f" {noun}s")
    return F.concat(F.format_number(F.col(column), 0), ending)


def sentence(*clauses: Column) -> Column:
    """The clauses that are not null, joined by '; ', with a capital letter and a full stop."""
    text = F.concat_ws("; ", *clauses)
    return F.concat(F.upper(F.substring(text, 1, 1)), F.substring(text, 2, 10_000), F.lit("."))
