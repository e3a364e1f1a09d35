"""EASE: each product as the ridge regression of all others, solved at once (Steck 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from cartograph.cf.head import gram_matrix, head_of, lists_of_weights
from cartograph.cf.item_to_item import ItemToItem
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.core.pairs.kernels import Floats
from cartograph.core.views.interactions import EVENT_WEIGHTS


class Ease(ItemToItem):
    """Weights B that reproduce every customer's products from their others: B = I - P / diag(P), P = (X'X + λI)^-1.

    X'X is counted in Spark. It and its inverse are dense: of a catalogue larger than `max_products` only the head,
    the products with most customers, is modelled; the driver then needs about 40 max_products² bytes, 1 GB for 5,000.

    Args:
        n_neighbours: neighbours kept per product, those of the largest weight.
        regularisation: λ; the more, the sparser the data.
        max_products: the head of the catalogue that is modelled.
        newest: products of a customer that count, those touched last.
        recent: products of a history that `recommend` starts from, the last ones.
        event_weights: what an event of each type weighs; a pair counts when its weights add up to more than nothing.
        mask_seen: never recommend what the customer has seen (`core.views.seen`).
    """

    name = "ease"

    def __init__(
        self,
        *,
        n_neighbours: int = 200,
        regularisation: float = 200.0,
        max_products: int = 5000,
        newest: int = 500,
        recent: int = 500,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours, newest=newest, recent=recent, event_weights=event_weights, mask_seen=mask_seen
        )
        self.regularisation = regularisation
        self.max_products = max_products

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores; products outside the head have none."""
        groups = coded_groups(self._groups(data.events))
        head = head_of(catalogue_of(groups), self.max_products)
        gram = gram_matrix(groups, head)
        weights = ease_weights(gram, self.regularisation)
        self.lists_ = lists_of_weights(data.events.sparkSession, head, weights, self.n_neighbours)
        return self


def ease_weights(gram: Floats, regularisation: float) -> Floats:
    """B of the class's formula, zero on its diagonal: B[i, j] is what product i says of j. `gram` is overwritten.

    Raises:
        ValueError: the regularised matrix is not positive definite: `regularisation` must be above 0.
    """
    if regularisation <= 0:
        raise ValueError(f"regularisation must be above 0, not {regularisation:g}")
    if not len(gram):
        return gram
    gram[np.diag_indices_from(gram)] += regularisation
    factor, failed = dpotrf(gram, lower=1, overwrite_a=1)
    inverse, failed_too = dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(f"X'X + {regularisation:g} I is not positive definite")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights: Floats = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights
