"""The truth planted in a shop: one frame per kind of relation, in public ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.shop.catalogue import BUNDLE_STRENGTH, CHAIN_STRENGTH, Catalogue, Ints, catalogue
from cartograph.shop.customers import KINDS, customers
from cartograph.shop.plan import Plan
from cartograph.shop.vocabulary import departments

ROWS_PER_BLOCK = 4_096
_CHAINS_SCHEMA = "chain_id long, step int, product_id string, next_product_id string, gap_days double, strength double"


def truth(spark: SparkSession, plan: Plan) -> dict[str, DataFrame]:
    """Name -> frame of what was planted.

    complements: product_id, complement_id, strength (P(complement bought | product bought), directed);
    substitutes: product_id, substitute_id, group_id (both directions);
    variants: product_id, variant_id, family_id (both directions);
    bundles: bundle_id, product_ids, strength (P(the rest | one bought));
    chains: chain_id, step, product_id, next_product_id, gap_days, strength; repeats: product_id, rhythm_days;
    new_products: product_id, launched_on, similar_product_ids; users: user_id, kind, departments.
    """
    rows = {
        "complements": (complements, "product_id string, complement_id string, strength double"),
        "substitutes": (substitutes, "product_id string, substitute_id string, group_id long"),
        "variants": (variants, "product_id string, variant_id string, family_id long"),
        "bundles": (bundles, "bundle_id long, product_ids array<string>, strength double"),
        "chains": (chains, _CHAINS_SCHEMA),
        "repeats": (repeats, "product_id string, rhythm_days double"),
        "new_products": (new_products, "product_id string, launch_day int, similar_product_ids array<string>"),
    }
    frames = {name: _frame(spark, plan, schema, rows_of) for name, (rows_of, schema) in rows.items()}
    launched_on = F.date_add(F.lit(plan.settings.start_on), F.col("launch_day")).alias("launched_on")
    frames["new_products"] = frames["new_products"].select("product_id", launched_on, "similar_product_ids")
    return {**frames, "users": _users(spark, plan)}


RowsOf = Callable[[Catalogue, Ints], pd.DataFrame]


def _frame(spark: SparkSession, plan: Plan, schema: str, rows_of: RowsOf) -> DataFrame:
    """`rows_of` applied on the executors to blocks of families (or of bundles, or of chains)."""
    shop = catalogue(plan)
    counts: dict[RowsOf, int] = {bundles: len(shop.bundles), chains: len(shop.chains)}
    n = counts.get(rows_of, len(shop.families.type))

    def generate(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            for block in frame["id"]:
                first = int(block) * ROWS_PER_BLOCK
                yield rows_of(catalogue(plan), np.arange(first, min(first + ROWS_PER_BLOCK, n)))

    n_blocks = -(-n // ROWS_PER_BLOCK)
    n_tasks = max(1, min(spark.sparkContext.defaultParallelism, n_blocks))
    return spark.range(0, n_blocks, 1, n_tasks).mapInPandas(generate, schema)


def _ids(shop: Catalogue, products: Ints) -> list[str]:
    return [f"P{code:06d}" for code in shop.code[products]]


def _products_of(shop: Catalogue, families: Ints) -> Ints:
    """All products of a run of neighbouring families."""
    return np.flatnonzero((shop.family >= families[0]) & (shop.family <= families[-1]))


def complements(shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per planted complement of the families' products."""
    products = _products_of(shop, families)
    row, slot = np.nonzero(shop.complement[products] >= 0)
    return pd.DataFrame(
        {
            "product_id": _ids(shop, products[row]),
            "complement_id": _ids(shop, shop.complement[products][row, slot]),
            "strength": shop.complement_strength[products][row, slot],
        }
    )


def _siblings(shop: Catalogue, products: Ints, families: Ints) -> tuple[Ints, Ints]:
    """Every product with every product of the family beside it: positions in `products`, and products."""
    n = shop.families.n_variants[families]
    source = np.repeat(np.arange(len(products)), n)
    place = np.arange(len(source)) - np.repeat(np.cumsum(n) - n, n)
    return source, shop.families.first[np.repeat(families, n)] + place


def substitutes(shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product and product of another family of its group."""
    products = _products_of(shop, families)
    members = shop.group_members[shop.families.group[shop.family[products]]]
    row, column = np.nonzero((members >= 0) & (members != shop.family[products][:, None]))
    source, other = _siblings(shop, products[row], members[row, column])
    product = products[row][source]
    group = shop.families.group[shop.family[product]]
    return pd.DataFrame({"product_id": _ids(shop, product), "substitute_id": _ids(shop, other), "group_id": group})


def variants(shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product and other product of its family."""
    products = _products_of(shop, families)
    source, other = _siblings(shop, products, shop.family[products])
    product = products[source]
    kept = product != other
    return pd.DataFrame(
        {
            "product_id": _ids(shop, product[kept]),
            "variant_id": _ids(shop, other[kept]),
            "family_id": shop.family[product[kept]],
        }
    )


def bundles(shop: Catalogue, numbers: Ints) -> pd.DataFrame:
    """One row per bundle of `numbers`."""
    members = [_ids(shop, row[row >= 0]) for row in shop.bundles[numbers]]
    return pd.DataFrame({"bundle_id": numbers, "product_ids": members, "strength": BUNDLE_STRENGTH})


def chains(shop: Catalogue, numbers: Ints) -> pd.DataFrame:
    """One row per link in force of the chains of `numbers`."""
    links = np.concatenate([2 * numbers, 2 * numbers + 1])
    links = links[shop.chain_next[shop.chains[links // 2, links % 2]] == links]
    chain, step = links // 2, links % 2
    return pd.DataFrame(
        {
            "chain_id": chain,
            "step": (step + 1).astype(np.int32),
            "product_id": _ids(shop, shop.chains[chain, step]),
            "next_product_id": _ids(shop, shop.chains[chain, step + 1]),
            "gap_days": shop.chain_gap[chain, step],
            "strength": CHAIN_STRENGTH,
        }
    )


def repeats(shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product that is bought again by the calendar."""
    products = _products_of(shop, families)
    rhythm = shop.families.rhythm[shop.family[products]]
    kept = rhythm > 0
    return pd.DataFrame({"product_id": _ids(shop, products[kept]), "rhythm_days": rhythm[kept]})


def new_products(shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product that is launched late, with the older products of its group, described by the same words."""
    products = _products_of(shop, families)
    day = shop.families.launch_day[shop.family[products]]
    products, day = products[day > 0], day[day > 0]
    own_family = shop.family[products]
    groups = shop.group_members[shop.families.group[own_family]]
    similar = []
    for members, own in zip(groups, own_family, strict=True):
        known = members[(members >= 0) & (members != own)]
        similar.append(_ids(shop, _siblings(shop, known, known)[1]))
    return pd.DataFrame(
        {"product_id": _ids(shop, products), "launch_day": day.astype(np.int32), "similar_product_ids": similar}
    )


def _users(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row per customer with its kind and favourite departments."""

    def generate(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        names = np.array(departments(), object)
        for frame in frames:
            for block in frame["id"]:
                people = customers(plan, catalogue(plan), int(block))
                ids = [f"U{number:09d}" for number in people.number]
                kind = np.array(KINDS, object)[people.kind]
                yield pd.DataFrame({"user_id": ids, "kind": kind, "departments": list(names[people.departments])})

    n_tasks = max(1, min(spark.sparkContext.defaultParallelism, plan.n_blocks))
    blocks = spark.range(0, plan.n_blocks, 1, n_tasks)
    return blocks.mapInPandas(generate, "user_id string, kind string, departments array<string>")
