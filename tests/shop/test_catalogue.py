"""The products and what is planted among them."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.shop.catalogue import Catalogue, catalogue
from cartograph.shop.plan import Plan
from cartograph.shop.raw_products import product_words
from cartograph.shop.vocabulary import (
    BUNDLE_TYPES,
    CHAIN_TYPES,
    VARIANTS,
    complement_types,
    linked_types,
    product_types,
)

SIZES = [10_000, 100_000, 10_000_000]


@pytest.fixture(params=SIZES)
def plan(request: pytest.FixtureRequest) -> Plan:
    return Plan(n_events=request.param)


@pytest.fixture
def shop(plan: Plan) -> Catalogue:
    return catalogue(plan)


def launched_late(shop: Catalogue, products: np.ndarray) -> np.ndarray:
    return shop.families.launch_day[shop.family[products]] > 0


def test_every_linked_type_is_sold() -> None:
    names = [kind.name for kind in product_types()]
    linked = linked_types(BUNDLE_TYPES, ",") + linked_types(CHAIN_TYPES, ">") + complement_types()
    assert {name for tuple_ in linked for name in tuple_} <= set(names)
    assert len(set(names)) == len(names)
    assert {kind.variants for kind in product_types()} <= set(VARIANTS)


def test_the_catalogue_is_about_as_large_as_asked_for(plan: Plan, shop: Catalogue) -> None:
    assert shop.n_products == pytest.approx(plan.about_products, rel=0.1)


def test_codes_are_a_permutation_without_information(shop: Catalogue) -> None:
    assert np.array_equal(np.sort(shop.code), np.arange(shop.n_products))
    assert abs(np.corrcoef(shop.code, np.arange(shop.n_products))[0, 1]) < 0.2


def test_titles_are_unique(shop: Catalogue) -> None:
    titles = product_words(shop, np.arange(shop.n_products))["title"]
    assert len(set(titles)) == shop.n_products


def test_complements_are_of_another_type_and_old_enough(shop: Catalogue) -> None:
    product, slot = np.nonzero(shop.complement >= 0)
    other = shop.complement[product, slot]
    assert (shop.type_of(product) != shop.type_of(other)).all()
    assert not launched_late(shop, product).any()
    assert not launched_late(shop, other).any()
    assert (shop.complement_strength.sum(axis=1) < 1).all()
    assert len(product) > 0.4 * shop.n_products


def test_substitutes_share_a_type_and_an_older_family_is_in_every_group(shop: Catalogue) -> None:
    families = shop.families
    for members in shop.group_members:
        members = members[members >= 0]
        assert len(set(families.type[members])) == 1
        assert 2 <= len(members) <= 7
        assert (families.launch_day[members] > 0).sum() <= 1


def test_a_product_is_in_one_bundle_at_most_and_chains_change_the_type(shop: Catalogue) -> None:
    members = shop.bundles[shop.bundles >= 0]
    assert len(set(members)) == len(members) > 0
    assert set((shop.bundles >= 0).sum(axis=1)) <= {3, 4}
    assert (shop.type_of(shop.chains[:, :2]) != shop.type_of(shop.chains[:, 1:])).all()
    assert not launched_late(shop, shop.chains).any()


def test_variants_of_a_family_differ_in_nothing_but_their_label(shop: Catalogue) -> None:
    words = product_words(shop, np.arange(shop.n_products))
    stem = [title.removesuffix(f", {label}") for title, label in zip(words["title"], words["variant"], strict=True)]
    for family in range(min(200, len(shop.families.type))):
        own = np.flatnonzero(shop.family == family)
        assert len({stem[product] for product in own}) == 1
        assert len({words["variant"][product] for product in own}) == len(own)


def test_prices_cover_costs(shop: Catalogue) -> None:
    assert (shop.price > 0).all()
    assert (shop.cost < shop.price).all()
    assert 0.005 < (shop.stock == 0).mean() < 0.12
