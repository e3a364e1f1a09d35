"""Planted truth can be found again with nothing but counts, and noise alone does not look like it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.shop.conftest import Exported


@pytest.fixture(scope="module")
def events(exported: Exported) -> pd.DataFrame:
    """Events of real products, duplicates and robots left out."""
    events = exported.events.drop_duplicates("event_id")
    users = exported.truth("users")
    robots = set(users[users.kind == "bot"].user_id)
    return events[events.product_id.fillna("").str.match(r"P\d") & ~events.user_id.isin(robots)]


def pair_counts(events: pd.DataFrame, basket: str) -> pd.DataFrame:
    """a, b, n, npmi of the pairs of products that share a basket (an order or a session)."""
    rows = events[[basket, "product_id"]].dropna().drop_duplicates()
    pairs = rows.merge(rows, on=basket, suffixes=("_a", "_b")).query("product_id_a < product_id_b")
    counts = pairs.groupby(["product_id_a", "product_id_b"]).size().rename("n").reset_index()
    counts.columns = pd.Index(["a", "b", "n"])
    total, single = rows[basket].nunique(), rows.product_id.value_counts()
    lift = counts.n * total / (single.loc[counts.a].to_numpy() * single.loc[counts.b].to_numpy())
    return counts.assign(lift=lift, npmi=np.log(lift) / -np.log(counts.n / total))


def are_in(pairs: pd.DataFrame, known: set[tuple[str, str]]) -> np.ndarray:
    """Whether each pair is known in one direction or the other."""
    return np.array([(a, b) in known or (b, a) in known for a, b in zip(pairs.a, pairs.b, strict=True)])


@pytest.fixture(scope="module")
def co_bought(events: pd.DataFrame) -> pd.DataFrame:
    return pair_counts(events[events.event_type == "purchase"], "order_id")


def test_products_bought_together_significantly_often_are_complements_or_bundles(
    exported: Exported, co_bought: pd.DataFrame
) -> None:
    complements = exported.pairs("complements", "product_id", "complement_id")
    bundles = {(a, b) for members in exported.truth("bundles").product_ids for a in members for b in members if a != b}
    found = co_bought[(co_bought.n >= 4) & (co_bought.npmi > 0.3)]
    assert are_in(found, complements | bundles).mean() > 0.9
    assert are_in(found, complements).sum() > 100
    assert are_in(found, bundles).sum() > 0.8 * len(bundles) / 2


def test_noise_alone_is_bought_together_at_random(exported: Exported, co_bought: pd.DataFrame) -> None:
    planted = exported.pairs("complements", "product_id", "complement_id")
    planted |= {(a, b) for members in exported.truth("bundles").product_ids for a in members for b in members}
    noise = co_bought[~are_in(co_bought, planted)]
    assert (noise.n == 1).mean() > 0.8


def test_what_is_viewed_together_but_not_bought_together_is_a_substitute(
    exported: Exported, events: pd.DataFrame, co_bought: pd.DataFrame
) -> None:
    substitutes = exported.pairs("substitutes", "product_id", "substitute_id")
    variants = exported.pairs("variants", "product_id", "variant_id")
    viewed = pair_counts(events[events.event_type == "view"], "session_id")
    bought = co_bought.set_index(["a", "b"]).n
    together = bought.reindex(pd.MultiIndex.from_frame(viewed[["a", "b"]])).fillna(0).to_numpy()
    found = viewed[(viewed.n >= 5) & (viewed.npmi > 0.35) & (together < 0.1 * viewed.n)]
    assert are_in(found, substitutes | variants).mean() > 0.9
    assert are_in(found, substitutes).sum() > 0.5 * len(substitutes) / 2
    both = are_in(co_bought[co_bought.n >= 3], substitutes)
    assert both.mean() < 0.02


def test_chains_run_one_way_and_after_their_gap(exported: Exported, events: pd.DataFrame) -> None:
    users = exported.truth("users")
    ordinary = set(users[users.kind == "normal"].user_id)
    bought = events[(events.event_type == "purchase") & events.user_id.isin(ordinary)]
    bought = bought.assign(at=pd.to_datetime(bought.event_at, errors="coerce"))[
        ["user_id", "product_id", "at"]
    ].dropna()
    links = exported.truth("chains")[["product_id", "next_product_id", "gap_days"]]
    pairs = links.merge(bought, on="product_id")
    pairs = pairs.merge(
        bought.rename(columns={"product_id": "next_product_id", "at": "next_at"}), on=["user_id", "next_product_id"]
    )
    days = (pairs.next_at - pairs["at"]).dt.total_seconds() / 86_400
    on_time = ((days / pairs.gap_days) > 0.4) & ((days / pairs.gap_days) < 1.6)
    backwards = ((-days / pairs.gap_days) > 0.4) & ((-days / pairs.gap_days) < 1.6)
    assert on_time.sum() > 100
    assert on_time.sum() > 5 * backwards.sum()
    assert np.median((days / pairs.gap_days)[on_time]) == pytest.approx(1, abs=0.1)


def test_new_products_have_no_past_and_older_products_like_them(exported: Exported, events: pd.DataFrame) -> None:
    new = exported.truth("new_products")
    assert 0.04 < len(new) / events.product_id.nunique() < 0.16
    first = pd.to_datetime(events.event_at, errors="coerce").groupby(events.product_id).min()
    seen = new[new.product_id.isin(first.index)]
    assert (first.loc[seen.product_id].to_numpy() >= pd.to_datetime(seen.launched_on).to_numpy()).all()
    assert new.similar_product_ids.map(len).min() > 0
    assert not {other for similar in new.similar_product_ids for other in similar} & set(new.product_id)
