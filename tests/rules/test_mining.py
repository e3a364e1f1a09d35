"""Both engines find exactly the frequent itemsets: by brute force, against each other, and as published."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from benchmarks.basket_files import read_baskets
from cartograph.core.pairs import coded_groups as coded_groups_module
from cartograph.rules import native
from cartograph.rules.derivation import rules_from_itemsets, with_subsets
from cartograph.rules.mining import choose_engine, mine
from cartograph.rules.settings import Engine, MiningSettings
from tests.cluster import Cluster
from tests.rules import oracle
from tests.rules.baskets import counts_of, frame, mining, random_baskets

ENGINES: tuple[Engine, ...] = ("native", "mllib")
every_engine = pytest.mark.parametrize("engine", ENGINES)
few_products = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=25)


def mined_without_spark(baskets: list[list[str]], settings: MiningSettings, n_tasks: int) -> oracle.Counts:
    """What the native engine's tasks find, called one after another as Spark would."""
    batch = pa.record_batch([pa.array(baskets, pa.list_(pa.string()))], ["product_ids"])
    halves = [batch.slice(0, len(baskets) // 2), batch.slice(len(baskets) // 2)]
    coded = [part for half in halves for part in coded_groups_module._coded([half])]
    totals: Counter[str | None] = Counter()
    may_be_frequent = set()
    for part in coded:
        *per_product, (_, n_baskets) = zip(part["product_id"][0].as_py(), part["n_groups"][0].as_py(), strict=True)
        totals.update(dict(per_product) | {None: n_baskets})
        may_be_frequent |= {name for name, n in per_product if n >= math.floor(settings.lowest * n_baskets)}
    kept = [(name, n) for name, n in totals.items() if name is None or name in may_be_frequent]
    table = pa.table([pa.array([name for name, _ in kept], pa.string()), pa.array([n for _, n in kept], pa.int64())],
                     ["product_id", "n_baskets"])  # fmt: skip
    plan = native._planned(table, settings, n_tasks)
    parts = [part for half in coded for part in native._cut([half], plan)]
    by_task = [[part for part in parts if part["task"][0].as_py() == task] for task in range(len(plan.keys))]
    rows = [row for parts in by_task for found in native._mine(parts, plan) for row in found.to_pylist()]
    counts = {tuple(row["itemset"]): row["n_baskets"] for row in rows}
    assert len(counts) == len(rows)
    return counts


@settings(deadline=None, max_examples=200)
@given(few_products, st.floats(0.02, 1.0), st.integers(0, 4), st.integers(1, 5))
def test_any_baskets_give_what_looking_at_every_combination_gives(
    baskets: list[list[str]], min_support: float, max_length: int, n_tasks: int
) -> None:
    found = mined_without_spark(baskets, mining(min_support, max_length=max_length), n_tasks)
    assert found == oracle.frequent(baskets, min_support, max_length)


def with_own_supports(baskets: list[list[str]], settings: MiningSettings) -> oracle.Counts:
    """The itemsets that occur as often as their least frequent product requires, one by one."""
    counts = oracle.all_counts(baskets, settings.max_length)
    n = len(baskets)

    def required(item: str) -> float:
        own = settings.rare_share * counts[item,] / n
        return min(settings.min_support, max(own, settings.rare_support or 1))

    return {itemset: k for itemset, k in counts.items() if k >= n * min(map(required, itemset)) - 1e-9}


@settings(deadline=None, max_examples=150)
@given(few_products, st.floats(0.1, 1.0), st.floats(0.1, 1.0), st.floats(0.0, 1.0), st.integers(0, 4))
def test_rare_products_have_supports_of_their_own(
    baskets: list[list[str]], min_support: float, fraction: float, rare_share: float, max_length: int
) -> None:
    rare = {"rare_support": min_support * fraction, "rare_share": rare_share}
    settings = mining(min_support, max_length=max_length, **rare)
    assert mined_without_spark(baskets, settings, 3) == with_own_supports(baskets, settings)


@every_engine
def test_a_rare_product_keeps_its_itemsets_and_their_subsets_can_be_added(spark: SparkSession, engine: Engine) -> None:
    baskets = [["a", "b", "rare"]] * 3 + [["a"]] * 40 + [["b"]] * 40 + [["c"]] * 17
    data = frame(spark, baskets)
    settings = mining(0.1, engine, rare_support=0.02, rare_share=0.5)
    found = mine(data, settings).persist()
    counts = counts_of(found)
    assert counts == with_own_supports(baskets, settings)
    assert ("a", "b", "rare") in counts
    assert ("a", "b") not in counts
    known = counts_of(with_subsets(found, data))
    assert known == counts | {("a", "b"): 3}


@every_engine
@pytest.mark.parametrize(("seed", "min_support", "max_length"), [(1, 0.1, 0), (2, 0.03, 3)])
def test_random_baskets_give_what_looking_at_every_combination_gives(
    spark: SparkSession, engine: Engine, seed: int, min_support: float, max_length: int
) -> None:
    baskets = [[], *random_baskets(60, 9, 3.0, seed), [], []]
    found = mine(frame(spark, baskets).coalesce(2), mining(min_support, engine, max_length))
    assert counts_of(found) == oracle.frequent(baskets, min_support, max_length)


@every_engine
def test_baskets_with_copies_and_popular_products_give_the_same(spark: SparkSession, engine: Engine) -> None:
    baskets = random_baskets(400, 30, 5.0, seed=3, copies=3)
    found = mine(frame(spark, baskets).repartition(3), mining(0.01, engine))
    expected = oracle.frequent(baskets, 0.01)
    assert counts_of(found) == expected
    assert max(len(itemset) for itemset in expected) >= 4
    assert {round(row.support * len(baskets)) == row.n_baskets for row in found.collect()} == {True}


@every_engine
def test_repeats_nulls_and_empty_baskets_count_as_they_should(spark: SparkSession, engine: Engine) -> None:
    baskets = [["a", "b", "a"], ["a", None, "b"], [], ["b"], ["c"]]
    found = {
        row.itemset[0] + "".join(row.itemset[1:]): row
        for row in mine(frame(spark, baskets), mining(0.4, engine)).collect()
    }
    assert {name: row.n_baskets for name, row in found.items()} == {"a": 2, "b": 3, "ab": 2}
    assert found["b"].support == pytest.approx(0.6)


@every_engine
def test_no_baskets_give_no_itemsets(spark: SparkSession, engine: Engine) -> None:
    assert mine(frame(spark, []), mining(0.1, engine)).count() == 0
    assert mine(frame(spark, [["a"], ["b"]]), mining(0.9, engine)).count() == 0


def test_both_engines_give_frames_of_the_same_columns(spark: SparkSession) -> None:
    native_frame, mllib_frame = (mine(frame(spark, [["a"]]), mining(0.5, engine)) for engine in ENGINES)
    shapes = [[(f.name, f.dataType.simpleString()) for f in one.schema] for one in (native_frame, mllib_frame)]
    assert shapes[0] == shapes[1]
    assert shapes[0] == [
        ("itemset", "array<string>"), ("n_items", "int"), ("n_baskets", "bigint"), ("support", "double")
    ]  # fmt: skip


def test_a_support_outside_its_range_and_an_unknown_engine_are_refused(spark: SparkSession) -> None:
    for support in (0.0, 1.5):
        with pytest.raises(ValueError, match="min_support"):
            mine(frame(spark, [["a"]]), min_support=support)
    with pytest.raises(ValueError, match="'auto', 'mllib' or 'native'"):
        mine(frame(spark, [["a"]]), engine="fast")
    with pytest.raises(ValueError, match=r"rare_support must be in \(0, min_support\]"):
        mine(frame(spark, [["a"]]), min_support=0.1, rare_support=0.2)


def test_auto_takes_the_compiled_engine_and_says_why() -> None:
    engine, reason = choose_engine("auto")
    assert engine == "native"
    assert "same itemsets" in reason
    assert choose_engine("mllib") == ("mllib", "set in the configuration")


def test_auto_falls_back_where_nothing_can_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cartograph.rules.native")
    monkeypatch.setitem(__import__("sys").modules, "cartograph.rules.native", None)
    engine, reason = choose_engine("auto")
    assert engine == "mllib"
    assert "cannot be loaded" in reason


def test_no_task_gets_more_than_its_share_of_the_baskets(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small tasks: the parts of all but the largest are far smaller than the baskets, and nothing is lost."""
    baskets = random_baskets(3000, 60, 6.0, seed=5)
    n_items = sum(len(basket) for basket in baskets)
    monkeypatch.setattr(native, "_TASK_ITEMS", n_items // 4)
    data = frame(spark, baskets).select("product_ids").repartition(2)
    coded = coded_groups_module.coded_groups(data)
    plan = native._plan(coded, mining(0.01, max_length=3))
    assert len(plan.keys) > 8
    cut = coded.mapInArrow(lambda batches: native._cut(batches, plan), native._PARTS)
    held = cut.selectExpr("task", "length(items) div 4 as n").groupBy("task").sum("n").collect()
    assert max(row["sum(n)"] for row in held) <= n_items // 4
    assert counts_of(mine(data, mining(0.01, "native", 3))) == oracle.frequent(baskets, 0.01, 3)


def test_every_task_has_a_partition_of_its_own(spark: SparkSession) -> None:
    for n_tasks in (1, 2, 7, 64, 333):
        keys = spark.createDataFrame([(int(key),) for key in native.partition_keys(n_tasks)], "key int")
        placed = keys.repartition(n_tasks, "key").selectExpr("key", "spark_partition_id() as at").collect()
        places = {row.key: row["at"] for row in placed}
        assert [places[int(key)] for key in native.partition_keys(n_tasks)] == list(range(n_tasks))


def on_cluster(spark: SparkSession, seed: int) -> dict[str, int]:
    baskets = frame(spark, random_baskets(500, 25, 5.0, seed)).repartition(4)
    return {" ".join(itemset): n for itemset, n in counts_of(mine(baskets, mining(0.01))).items()}


@pytest.mark.cluster
def test_mining_on_a_real_cluster(cluster: Cluster) -> None:
    expected = oracle.frequent(random_baskets(500, 25, 5.0, 11), 0.01)
    assert cluster.run(on_cluster, 11) == {" ".join(itemset): n for itemset, n in expected.items()}


def equal(first: DataFrame, second: DataFrame) -> bool:
    columns = ["itemset", "n_items", "n_baskets"]
    first, second = first.select(columns).persist(), second.select(columns).persist()
    return first.exceptAll(second).isEmpty() and second.exceptAll(first).isEmpty()


PUBLISHED = [
    ("groceries/groceries.csv", 0.01, 333),
    ("groceries/groceries.csv", 0.006, 747),
    ("groceries/groceries.csv", 0.001, 13_492),
    ("fimi/T10I4D100K.dat.gz", 0.01, 385),
    ("fimi/T10I4D100K.dat.gz", 0.005, 1_073),
    ("fimi/T10I4D100K.dat.gz", 0.001, 27_532),
    ("fimi/retail.dat.gz", 0.01, 159),
    ("fimi/retail.dat.gz", 0.005, 580),
    ("fimi/retail.dat.gz", 0.001, 7_589),
    ("fimi/retail.dat.gz", 0.0005, 19_242),
    ("instacart_train/order_products__train.parquet", 0.001, 4_444),
    ("instacart_train/order_products__train.parquet", 0.0005, 12_343),
    ("instacart_train/order_products__train.parquet", 0.0002, 47_978),
    ("instacart_train/order_products__train.parquet", 0.0001, 136_394),
]
_READ: dict[str, DataFrame] = {}


def read_once(spark: SparkSession, folder: Path, name: str) -> DataFrame:
    if name not in _READ:
        _READ[name] = read_baskets(spark, str(folder / name)).repartition(2).persist()
    return _READ[name]


@pytest.mark.parametrize(("name", "min_support", "n_itemsets"), PUBLISHED)
def test_public_data_sets_have_as_many_itemsets_as_published(
    spark: SparkSession, shared_data: Path, name: str, min_support: float, n_itemsets: int
) -> None:
    assert mine(read_once(spark, shared_data, name), mining(min_support, "native")).count() == n_itemsets


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "min_support"),
    [PUBLISHED[2][:2], PUBLISHED[4][:2], PUBLISHED[8][:2], PUBLISHED[10][:2]],
)
def test_both_engines_agree_on_public_data_sets(
    spark: SparkSession, shared_data: Path, name: str, min_support: float
) -> None:
    baskets = read_once(spark, shared_data, name)
    assert equal(*(mine(baskets, mining(min_support, engine)) for engine in ENGINES))


@pytest.mark.parametrize(("min_support", "min_confidence", "n_rules"), [(0.006, 0.25, 463), (0.001, 0.5, 5_668)])
def test_groceries_has_as_many_rules_as_published(
    spark: SparkSession, shared_data: Path, min_support: float, min_confidence: float, n_rules: int
) -> None:
    itemsets = mine(read_once(spark, shared_data, "groceries/groceries.csv"), mining(min_support)).persist()
    assert rules_from_itemsets(itemsets, min_confidence).count() == n_rules
