"""The truth planted in a shop: one frame per kind of relation, in public ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from cartograph.shop.catalogue import BUNDLE_STRENGTH, CHAIN_STRENGTH, Catalogue, Ints, catalogue
from cartograph.shop.customers import KINDS, customers
from cartograph.shop.plan import Plan
from cartograph.shop.vocabulary import departments

FAMILIES_PER_BLOCK = 4_096


def truth(spark: SparkSession, plan: Plan) -> dict[str, DataFrame]:
    """Name -> frame of what was planted.

    complements: product_id, complement_id, strength (P(complement bought | product bought), directed);
    substitutes: product_id, substitute_id, group_id (both directions); variants: product_id, variant_id, family_id (both);
    bundles: bundle_id, product_ids, strength (P(the rest | one bought));
    chains: chain_id, step, product_id, next_product_id, gap_days, strength; repeats: product_id, rhythm_days;
    new_products: product_id, launched_on, similar_product_ids; users: user_id, kind, departments.
    """
    return {
        "complements": _frame(spark, plan, "product_id string, complement_id string, strength double", complements),
        "substitutes": _frame(spark, plan, "product_id string, substitute_id string, group_id long", substitutes),
        "variants": _frame(spark, plan, "product_id string, variant_id string, family_id long", variants),
        "bundles": _frame(spark, plan, "bundle_id long, product_ids array<string>, strength double", bundles, once=True),
        "chains": _frame(
            spark,
            plan,
            "chain_id long, step int, product_id string, next_product_id string, gap_days double, strength double",
            chains,
            once=True,
        ),
        "repeats": _frame(spark, plan, "product_id string, rhythm_days double", repeats),
        "new_products": _frame(
            spark, plan, "product_id string, launched_on date, similar_product_ids array<string>", new_products
        ),
        "users": _users(spark, plan),
    }


RowsOf = Callable[[Plan, Catalogue, Ints], pd.DataFrame]


def _frame(spark: SparkSession, plan: Plan, schema: str, rows_of: RowsOf, once: bool = False) -> DataFrame:
    """`rows_of` applied to blocks of families on the executors (`once`: to the whole catalogue in one task)."""

    def generate(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        shop = catalogue(plan)
        n_families = len(shop.families.type)
        size = n_families if once else FAMILIES_PER_BLOCK
        for frame in frames:
            for block in frame["id"]:
                first = int(block) * size
                yield rows_of(plan, shop, np.arange(first, min(first + size, n_families)))

    n_blocks = 1 if once else -(-len(catalogue(plan).families.type) // FAMILIES_PER_BLOCK)
    return spark.range(0, n_blocks, 1, n_blocks).mapInPandas(generate, schema)


def _ids(shop: Catalogue, products: Ints) -> list[str]:
    return [f"P{code:06d}" for code in shop.code[products]]


def _products_of(shop: Catalogue, families: Ints) -> Ints:
    """All products of a run of neighbouring families."""
    return np.flatnonzero((shop.family >= families[0]) & (shop.family <= families[-1]))


def complements(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
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


def substitutes(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product and product of another family of its group."""
    products = _products_of(shop, families)
    members = shop.group_members[shop.families.group[shop.family[products]]]
    row, column = np.nonzero((members >= 0) & (members != shop.family[products][:, None]))
    source, other = _siblings(shop, products[row], members[row, column])
    product = products[row][source]
    group = shop.families.group[shop.family[product]]
    return pd.DataFrame({"product_id": _ids(shop, product), "substitute_id": _ids(shop, other), "group_id": group})


def variants(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
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


def bundles(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per bundle."""
    members = [_ids(shop, row[row >= 0]) for row in shop.bundles]
    return pd.DataFrame({"bundle_id": np.arange(len(members)), "product_ids": members, "strength": BUNDLE_STRENGTH})


def chains(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per link of a chain that is in force."""
    links = np.arange(2 * len(shop.chains))
    chain, step = links // 2, links % 2
    kept = shop.chain_next[shop.chains[chain, step]] == links
    chain, step = chain[kept], step[kept]
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


def repeats(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product that is bought again by the calendar."""
    products = _products_of(shop, families)
    rhythm = shop.families.rhythm[shop.family[products]]
    kept = rhythm > 0
    return pd.DataFrame({"product_id": _ids(shop, products[kept]), "rhythm_days": rhythm[kept]})


def new_products(plan: Plan, shop: Catalogue, families: Ints) -> pd.DataFrame:
    """One row per product that appears late, with the older products of its group: they are like it in every word."""
    products = _products_of(shop, families)
    day = shop.families.launch_day[shop.family[products]]
    products, day = products[day > 0], day[day > 0]
    similar = []
    for members, own in zip(shop.group_members[shop.families.group[shop.family[products]]], shop.family[products], strict=True):
        known = members[(members >= 0) & (members != own)]
        similar.append(_ids(shop, _siblings(shop, known, known)[1]))
    launched = (np.datetime64(plan.start_on) + day).astype(object)
    return pd.DataFrame({"product_id": _ids(shop, products), "launched_on": launched, "similar_product_ids": similar})


def _users(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row per customer with its kind and favourite departments."""

    def generate(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
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
