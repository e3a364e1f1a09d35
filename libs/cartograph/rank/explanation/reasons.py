"""Sentences that say why a product is shown, made of counted evidence and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.rank.explanation.evidence import FEWEST

NEW = "new in the shop"
NEXT = "what customers go on to after it"


def of_pair() -> Column:
    """'bought together in 212 baskets, 3.4 times more often than chance': from n_baskets, lift, n_users.

    Null when the two were never bought by the same customer.
    """
    in_baskets = F.concat(F.lit("bought together in "), counted("n_baskets", "basket"), beyond_chance())
    by_customers = F.concat(F.lit("bought in separate orders by "), counted("n_users", "customer"))
    return (
        F.when(F.col("n_baskets") >= FEWEST, in_baskets)
        .when(F.col("n_users") >= FEWEST, by_customers)
        .when(F.col("n_baskets") == 1, in_baskets)
        .when(F.col("n_users") == 1, by_customers)
    )


def of_path(title: Column) -> Column:
    """'it goes with WHITE LANTERN, and so does this': from the title of the product between the two."""
    return F.concat(F.lit("it goes with "), title, F.lit(", and so does this"))


def of_alike() -> Column:
    """Why two products are listed that were never bought by the same customer, from models (the voters)."""
    by_content = F.col("models") == F.array(F.lit("content"))
    return F.when(by_content, "much like it in words, facts and use").otherwise("bought by the same kind of customers")


def of_relation() -> Column:
    """'looked at together in 12 sessions, 3.4 times more often than chance': from relation, n_views, lift, n_shared."""
    seen = F.concat(F.lit("looked at together in "), counted("n_views", "session"), beyond_chance())
    shared = F.concat(F.lit("goes with "), counted("n_shared", "product"), F.lit(" that this one goes with"))
    substitute = F.when(F.col("n_views") > 0, seen).otherwise(shared)
    return F.when(F.col("relation") == "variant", "the same in another size, colour or pack").otherwise(substitute)


def beyond_chance() -> Column:
    """', 3.4 times more often than chance', from lift; empty when chance alone explains it."""
    lift = F.col("lift")
    times = F.when(lift >= 10, F.format_number(lift, 0)).otherwise(F.format_number(lift, 1))
    said = F.concat(F.lit(", "), times, F.lit(" times more often than chance"))
    return F.when(lift >= 1.1, said).otherwise(F.lit(""))


def of_history(title: Column) -> Column:
    """'you bought WHITE LANTERN on 3 May 2011': from event_type and event_at of the customer's own product."""
    kind = F.col("event_type")
    said = (
        F.when(kind == "cart", F.concat(F.lit("put "), title, F.lit(" in your basket")))
        .when(kind == "rating", F.concat(F.lit("rated "), title))
        .when(kind == "view", F.concat(F.lit("looked at "), title))
        .otherwise(F.concat(F.lit("bought "), title))
    )
    return F.concat(F.lit("you "), said, F.lit(" on "), F.date_format("event_at", "d MMMM yyyy"))


def of_own_purchases() -> Column:
    """'you bought it on 3 days, the last time on 3 May 2011': from n_days and last_at."""
    day = F.date_format("last_at", "d MMMM yyyy")
    once = F.concat(F.lit("you bought it on "), day)
    often = F.concat(F.lit("you bought it on "), F.col("n_days").cast("string"), F.lit(" days, the last time on "), day)
    return F.when(F.col("n_days") > 1, often).otherwise(once)


def of_sequence(titles: Column) -> Column:
    """'where your last steps lead, above all WHITE LANTERN and RED CUP': from own products, most telling first."""
    return F.concat(F.lit("where your last steps lead, above all "), F.array_join(titles, " and "))


def of_exploration() -> Column:
    """Why a product is shown that hardly anybody knows yet."""
    return F.lit("new in the shop, and shown to find out who likes it")


def of_voters(user_models: Sequence[str], liked: Column) -> Column:
    """What remains when no pair explains the product, from models and n_buyers: like-minded customers or popularity.

    `liked` (array) names the customer's own products that like-minded customers are known by; null: not known.
    """
    by_what = F.concat(F.lit(", above all "), F.array_join(liked, " and "))
    likeness = F.concat(
        F.lit("chosen by customers whose purchases resemble yours"), F.when(F.size(liked) > 0, by_what).otherwise("")
    )
    popularity = F.concat(F.lit("popular: bought by "), counted("n_buyers", "customer"))
    by_likeness = F.arrays_overlap("models", F.array(*[F.lit(name) for name in user_models]).cast("array<string>"))
    return F.when(by_likeness, likeness).when(F.col("n_buyers") > 0, popularity).otherwise(NEW)


def counted(column: str, noun: str) -> Column:
    """'1 basket', '1,212 baskets'."""
    ending = F.when(F.col(column) == 1, f" {noun}").otherwise(f" {noun}s")
    return F.concat(F.format_number(F.col(column), 0), ending)


def sentence(*clauses: Column) -> Column:
    """The clauses that are not null, joined by '; ', with a capital letter and a full stop."""
    text = F.concat_ws("; ", *clauses)
    return F.concat(F.upper(F.substring(text, 1, 1)), F.substring(text, 2, 10_000), F.lit("."))
