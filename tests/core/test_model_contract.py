"""Every model keeps the contract of `core/model.py`: the same questions to all of them, on checkerboard data."""

from __future__ import annotations

import copy
from itertools import groupby
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.cf.settings import CfSettings
from cartograph.core.model import NotFitted, Silver
from cartograph.core.model_classes import model_class
from cartograph.graph.settings import GraphSettings
from cartograph.sequence.settings import SequenceSettings
from tests.core.checkerboard import HATED, N, checkerboard, product, users_of

K = 5


NETWORK = {"epochs": 20, "batch_size": 16, "backend": "arrow", "workers": 1}
SEQUENCE = {**NETWORK, "width": 32, "dropout": 0.3, "learning_rate": 0.02, "warmup_steps": 0}
GRAPH = {**NETWORK, "width": 16, "n_negatives": 16, "learning_rate": 0.03}
SECTIONS = {"cf": CfSettings, "sequence": SequenceSettings, "graph": GraphSettings}
STEP_OF = {name: step for step, section in SECTIONS.items() for name in section.choices()} | {"rules": "rules"}
# What a dozen customers need other than the defaults; after a comma, the name of a variant.
SETTINGS: dict[str, dict[str, Any]] = {
    "cooccurrence": {"backward": 0.5, "distance_decay": 0.95, "history_decay": 0.9},
    "ease": {"regularisation": 1.0},
    "item_neighbours": {"shrinkage": 1.0},
    "slim": {"l1": 0.1, "l2": 1.0},
    "user_neighbours": {"shrinkage": 1.0},
    "bpr": {"rank": 4, "iterations": 200, "n_negatives": 1},
    "als": {"rank": 4, "iterations": 6},
    "als, native": {"rank": 2, "iterations": 6, "engine": "native"},
    "next_basket": {"basket": "day", "mask_seen": True, "min_count": 1},
    "lstm": SEQUENCE,
    "gru": SEQUENCE,
    "transformer": SEQUENCE,
    "gfcf": {"n_vectors": 2},
    "lightgcn": GRAPH,
    "gcn": GRAPH,
    "gat": {**GRAPH, "fanout": 4},
}
MODELS = [*STEP_OF, *(name for name in SETTINGS if name not in STEP_OF)]
# Popularity is not personal, and what followed the last product does not lead to all products of its colour.
PERSONAL = [name for name in MODELS if name not in ("popularity", "first_order", "next_basket")]


def unfitted(key: str) -> Any:
    """The model, or a variant of it, with settings for a dozen customers."""
    name = key.partition(",")[0]
    kind: Any = model_class(STEP_OF[name], name)
    return kind(**SETTINGS.get(key, {}))


def showing_seen(model: Any) -> Any:
    """The fitted model, which does not leave out what customers have seen."""
    shown = copy.copy(model)
    if "mask_seen" in type(model.settings).model_fields:
        shown.settings = model.settings.model_copy(update={"mask_seen": False})
    else:
        shown.mask_seen = False
    return shown


class Fitted:
    """A fitted model, what it was asked with and what it answered; lists are (group, item, score, rank)."""

    def __init__(self, key: str, data: Silver, users: DataFrame) -> None:
        self.key = key
        self.model = model = unfitted(key).fit(data)
        self.users = users
        self.associations_frame = model.associate(K)
        self.recommendations_frame = model.recommend(users, K)
        self.associations = sorted(map(tuple, self.associations_frame.collect()), key=lambda row: (row[0], row[3]))
        self.recommendations = sorted(
            map(tuple, self.recommendations_frame.collect()), key=lambda row: (row[0], row[3])
        )

    def recommended(self, user: str) -> list[str]:
        return [item for group, item, _, _ in self.recommendations if group == user]


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    return checkerboard(spark)


@pytest.fixture(scope="module")
def users(data: Silver) -> DataFrame:
    return users_of(data).persist()


_CACHE: dict[str, Fitted] = {}


@pytest.fixture
def fitted(request: pytest.FixtureRequest, data: Silver, users: DataFrame) -> Fitted:
    name = request.param
    if name not in _CACHE:
        _CACHE[name] = Fitted(name, data, users)
    return _CACHE[name]


every_model = pytest.mark.parametrize("fitted", MODELS, indirect=True)
personal_model = pytest.mark.parametrize("fitted", PERSONAL, indirect=True)


@personal_model
def test_the_withheld_product_is_recommended_first(fitted: Fitted) -> None:
    for user in range(N):
        assert fitted.recommended(f"u{user:02}")[0] == product(user)


@personal_model
def test_products_of_one_colour_are_nearest_to_each_other(fitted: Fitted) -> None:
    assert {group for group, *_ in fitted.associations} == {product(i) for i in range(N)}
    assert all(int(group[1:]) % 2 == int(item[1:]) % 2 for group, item, _, _ in fitted.associations)


@personal_model
def test_a_new_customer_gets_products_that_go_with_the_history(fitted: Fitted) -> None:
    recommended = fitted.recommended("new")
    assert set(recommended[:K]) <= {product(i) for i in range(4, N, 2)}
    assert len(recommended) == K


@every_model
def test_ranks_count_from_one_and_scores_fall(fitted: Fitted) -> None:
    for lists in (fitted.associations, fitted.recommendations):
        assert lists
        for _, rows in groupby(lists, key=lambda row: row[0]):
            ranked = list(rows)
            assert [rank for *_, rank in ranked] == list(range(1, len(ranked) + 1))
            assert len(ranked) <= K


@every_model
def test_equal_scores_rank_in_order_of_product_id(fitted: Fitted) -> None:
    for lists in (fitted.associations, fitted.recommendations):
        assert lists == sorted(lists, key=lambda row: (row[0], -row[2], row[1]))


@every_model
def test_no_product_is_its_own_neighbour_and_none_is_listed_twice(fitted: Fitted) -> None:
    assert all(group != item for group, item, _, _ in fitted.associations)
    for lists in (fitted.associations, fitted.recommendations):
        assert len({(group, item) for group, item, _, _ in lists}) == len(lists)


@every_model
def test_unknown_customers_and_products_give_no_rows(fitted: Fitted) -> None:
    expected = K if fitted.model.name == "popularity" else 0
    assert len(fitted.recommended("stranger")) == expected
    assert len(fitted.recommended("nobody")) == expected


@every_model
def test_a_product_that_everybody_dislikes_is_in_no_list(fitted: Fitted) -> None:
    rows = fitted.associations + fitted.recommendations
    assert HATED not in {name for row in rows for name in row[:2]}


@every_model
def test_customers_of_whom_nothing_good_is_known_get_no_rows(fitted: Fitted) -> None:
    expected = K if fitted.model.name == "popularity" else 0
    assert len(fitted.recommended("hater")) == expected
    assert fitted.recommended("returner") == []  # has no history, so nobody asks


@every_model
def test_no_users_give_no_rows(fitted: Fitted) -> None:
    assert fitted.model.recommend(fitted.users.where("false"), K).count() == 0


@every_model
def test_seen_products_are_recommended_only_when_not_masked(fitted: Fitted) -> None:
    seen = {row.user_id: set(row.product_ids) for row in fitted.users.collect()}
    assert not any(item in seen[user] for user, item, _, _ in fitted.recommendations)
    shown = showing_seen(fitted.model).recommend(fitted.users, K).collect()
    assert any(row.product_id in seen[row.user_id] for row in shown)


@every_model
def test_what_is_in_the_history_but_was_not_bought_may_be_recommended(fitted: Fitted) -> None:
    """As if each customer had only looked at the product that they met first."""
    users = fitted.users.where("size(product_ids) > 1")
    looked = {row.user_id: row.product_ids[0] for row in users.collect()}
    bought = users.withColumn("seen_ids", F.array_except("product_ids", F.slice("product_ids", 1, 1)))
    seen = {row.user_id: set(row.seen_ids) for row in bought.collect()}
    shown = [(row.user_id, row.product_id) for row in fitted.model.recommend(bought, K).collect()]
    assert not any(item in seen[user] for user, item in shown)
    assert any(item == looked[user] for user, item in shown)


@every_model
def test_frames_have_exactly_the_agreed_columns(fitted: Fitted) -> None:
    def shape(frame: DataFrame) -> list[tuple[str, T.DataType]]:
        return [(field.name, field.dataType) for field in frame.schema]

    ending = [("score", T.DoubleType()), ("rank", T.IntegerType())]
    pair = [("product_id", T.StringType()), ("associated_product_id", T.StringType())]
    assert shape(fitted.associations_frame) == pair + ending
    assert shape(fitted.recommendations_frame) == [("user_id", T.StringType()), ("product_id", T.StringType()), *ending]


@every_model
def test_the_same_seed_gives_the_same_answer(fitted: Fitted, data: Silver) -> None:
    again = Fitted(fitted.key, data, fitted.users)
    for first, second in ((fitted.associations, again.associations), (fitted.recommendations, again.recommendations)):
        assert [(row[0], row[1], row[3]) for row in first] == [(row[0], row[1], row[3]) for row in second]
        assert [row[2] for row in first] == pytest.approx([row[2] for row in second], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_use_before_fit_is_refused_by_name(name: str, users: DataFrame) -> None:
    model = unfitted(name)
    assert model.name == name.partition(",")[0]
    with pytest.raises(NotFitted, match=type(model).__name__):
        model.associate(K)
    with pytest.raises(NotFitted, match="fit"):
        model.recommend(users, K)
