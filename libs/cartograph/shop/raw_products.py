"""Raw products and customers as the shop exports them, with titles and descriptions, some of them messy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from cartograph.shop import plan as streams
from cartograph.shop.catalogue import Catalogue, Ints, catalogue
from cartograph.shop.customers import customers
from cartograph.shop.plan import DAY, Plan
from cartograph.shop.vocabulary import AGE_BANDS, BRANDS, CARE, REGIONS, VARIANTS, departments, series_name

PRODUCTS_PER_BLOCK = 4_096
Words = NDArray[Any]

PRODUCTS_SCHEMA = (
    "product_id string, title string, description string, category string, brand string, price string, cost string, "
    "stock string, attributes map<string,string>, seen_at string, dirt string"
)
USERS_SCHEMA = "user_id string, region string, age_band string, seen_at string, dirt string"


def raw_products(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row per product record, every value text; `dirt` names what is messy about it (null: nothing).

    Most products have one record, those of dirt `older_fact` a second, outdated one. `category` is a path with ` > `.
    """
    n_blocks = -(-catalogue(plan).n_products // PRODUCTS_PER_BLOCK)
    return _by_block(spark, n_blocks, PRODUCTS_SCHEMA, lambda block: _products(plan, block))


def raw_users(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row per customer record, every value text; `dirt` is null, `older_fact`, or `bad_age_band`."""
    return _by_block(spark, plan.n_blocks, USERS_SCHEMA, lambda block: _users(plan, block))


def _by_block(spark: SparkSession, n_blocks: int, schema: str, rows_of: Callable[[int], pd.DataFrame]) -> DataFrame:
    """The rows of all blocks, generated in parallel from the numbers of the blocks."""

    def generate(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            for block in frame["id"]:
                yield rows_of(int(block))

    n_tasks = max(1, min(spark.sparkContext.defaultParallelism, n_blocks))
    return spark.range(0, n_blocks, 1, n_tasks).mapInPandas(generate, schema)


def _products(plan: Plan, block: int) -> pd.DataFrame:
    """The raw records of one block of products."""
    shop = catalogue(plan)
    rng = plan.stream(streams.TEXT, block)
    first = block * PRODUCTS_PER_BLOCK
    product = np.arange(first, min(first + PRODUCTS_PER_BLOCK, shop.n_products))
    words = product_words(shop, product)
    price = pd.Series(shop.price[product]).map("{:.2f}".format)
    records = pd.DataFrame(
        {
            "product_id": product_ids(shop, product),
            "title": words["title"],
            "description": words["description"],
            "category": words["path"],
            "brand": words["brand"],
            "price": price,
            "cost": pd.Series(shop.cost[product]).map("{:.2f}".format),
            "stock": shop.stock[product].astype(str),
            "attributes": attributes(shop, product, words),
            "seen_at": _listed_at(plan, shop.families.launch_day[shop.family[product]]),
            "dirt": None,
        }
    )
    return _messy_products(records, plan, rng)


def product_ids(shop: Catalogue, product: Ints) -> list[str]:
    """Public ids of `product`."""
    return [f"P{code:06d}" for code in shop.code[product]]


def product_words(shop: Catalogue, product: Ints) -> dict[str, Words]:
    """title, description, path, brand, feature, variant of each product, as arrays of text."""
    family = shop.family[product]
    kind = shop.families.type[family]
    types = shop.types
    names = np.array([each.name for each in types], object)[kind]
    features = np.array([(each.features * 12)[:12] for each in types], object)
    feature = features[kind, shop.families.feature[family]]
    second = features[kind, (shop.families.feature[family] + 1) % 12]
    brands = np.array([BRANDS[each].split(", ") for each in departments()], object)
    brand = brands[shop.department[kind], shop.families.brand[family]]
    labels = np.array([_labels(each.variants) for each in types], object)
    variant = labels[kind, shop.variant[product]]
    series = np.array(
        [series_name(rank, 7 * t) for rank, t in zip(shop.families.rank[family], kind, strict=True)], object
    )
    purpose = np.array([each.purpose for each in types], object)[kind]
    comma = np.where(variant == "", "", ", ").astype(object)
    care = np.array(CARE, object)[family % len(CARE)]
    title = brand + " " + series + " " + feature + " " + names + comma + variant
    intro = np.where(family % 2 == 0, series + ": ", "From " + brand + ": ").astype(object)
    lower = np.char.lower(feature.astype(str)).astype(object) + " " + np.char.lower(names.astype(str)).astype(object)
    also = " Also look for " + np.char.lower(second.astype(str)).astype(object) + " models in this range. "
    description = intro + lower + " " + purpose + "." + also + care
    path = np.array([f"{each.department} > {each.category} > {each.name}" for each in types], object)[kind]
    return {
        "title": title,
        "description": description,
        "path": path,
        "brand": brand,
        "feature": feature,
        "variant": variant,
        "series": series,
    }


def attributes(shop: Catalogue, product: Ints, words: dict[str, Words]) -> list[dict[str, str]]:
    """Per product a map: feature, series, and the name of its variant (colour, size, weight …)."""
    kind = shop.type_of(product)
    axis = np.array([each.variants for each in shop.types], object)[kind]
    rows = zip(words["feature"], words["series"], axis, words["variant"], strict=True)
    return [{"feature": f, "series": s} | ({a: v} if v else {}) for f, s, a, v in rows]


def _labels(variants: str) -> list[str]:
    labels = [label for label, _ in VARIANTS[variants]]
    return labels + [""] * (max(map(len, VARIANTS.values())) - len(labels))


def _listed_at(plan: Plan, launch_day: Ints) -> Words:
    """When products launched on `launch_day` were listed; those of the start were seen the day before it."""
    return _days_later(plan, np.where(launch_day > 0, launch_day, -1))


def _days_later(plan: Plan, day: Ints) -> Words:
    """`day` days after the shop's start (before it if negative) as text."""
    return pd.Series(pd.to_datetime(plan.start + day * DAY, unit="s")).dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy(object)


def _messy_products(records: pd.DataFrame, plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    """The records, a share `dirt` of each kind dirty: blanks, capitals, HTML entities, no price, an older record."""
    n = len(records)
    shuffled = rng.permutation(n)
    each = round(plan.settings.dirt * n)
    blanks, loud, entities, priceless, outdated = (shuffled[i * each : (i + 1) * each] for i in range(5))
    title = records["title"]
    entities_of = title.str.replace("&", "&amp;").str.replace(",", "&#44;").str.replace("-", "&#45;") + "&nbsp;"
    records.loc[blanks, "title"] = "  " + title[blanks].str.replace(" ", "  ", n=2) + "\t"
    records.loc[loud, "title"] = title[loud].str.upper()
    records.loc[entities, "title"] = entities_of[entities]
    records.loc[priceless, "price"] = "call us"
    kinds = ("messy_blanks", "messy_case", "html_entities", "bad_number")
    for rows, kind in zip((blanks, loud, entities, priceless), kinds, strict=True):
        records.loc[rows, "dirt"] = kind
    older = records.loc[outdated].assign(price="1.00", dirt="older_fact")
    older["seen_at"] = _days_later(plan, np.full(len(older), -30))
    return pd.concat([older, records], ignore_index=True)


def _users(plan: Plan, block: int) -> pd.DataFrame:
    """The raw records of one block of customers."""
    people = customers(plan, catalogue(plan), block)
    rng = plan.stream(streams.TEXT, (1 << 40) + block)
    signed_up = pd.Series(pd.to_datetime(people.signed_up, unit="s"))
    records = pd.DataFrame(
        {
            "user_id": [f"U{number:09d}" for number in people.number],
            "region": np.array(REGIONS, object)[people.region],
            "age_band": np.array(AGE_BANDS, object)[people.age_band],
            "seen_at": signed_up.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "dirt": None,
        }
    )
    shuffled = rng.permutation(len(records))
    each = round(plan.settings.dirt * len(records))
    records.loc[shuffled[:each], ["age_band", "dirt"]] = ["unknown", "bad_age_band"]
    older = records.iloc[shuffled[each : 2 * each]].assign(region="West", dirt="older_fact")
    older["seen_at"] = (signed_up.loc[older.index] - pd.Timedelta(days=30)).dt.strftime("%Y-%m-%d %H:%M:%S")
    return pd.concat([older, records], ignore_index=True)
