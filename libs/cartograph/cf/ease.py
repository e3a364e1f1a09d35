"""EASE: each product as the ridge regression of all others, solved at once (Steck 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from cartograph.cf.item_to_item.dense_head import gram_matrix, head_of, lists_of_weights
from cartograph.cf.item_to_item.model import ItemToItem
from cartograph.cf.settings import EaseSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of
from cartograph.core.pairs.kernels import Floats
from cartograph.core.settings import settings_of


class Ease(ItemToItem):
    """Weights B that reproduce every customer's products from their others: B = I - P / diag(P), P = (X'X + λI)^-1.

    X'X is counted in Spark. It and its inverse are dense: of a catalogue larger than `max_products` only the head,
    the products with most customers, is modelled; the driver then needs about 40 max_products² bytes, 1 GB for 5,000.
    """

    name = "ease"
    settings: EaseSettings

    def __init__(
        self,
        settings: EaseSettings | None = None,
        *,
        event_weights: Mapping[str, float] = EVENT_WEIGHTS,
        mask_seen: bool = True,
        **changed: Any,
    ) -> None:
        super().__init__(settings_of(EaseSettings, settings, changed), event_weights, mask_seen)

    def fit(self, data: Silver) -> Self:
        """Learns `lists_`: product_id, associated_product_ids, scores; products outside the head have none."""
        groups = coded_groups(self._groups(data.events))
        head = head_of(catalogue_of(groups), self.settings.max_products)
        weights = ease_weights(gram_matrix(groups, head), self.settings.regularisation)
        self.lists_ = lists_of_weights(data.events.sparkSession, head, weights, self.settings.n_neighbours)
        return self


def ease_weights(gram: Floats, regularisation: float) -> Floats:
    """B of the class's formula, zero on its diagonal: B[i, j] is the weight of product i in the prediction of j.

    `gram` is overwritten.

    Raises:
        ValueError: the regularised matrix is not positive definite.
    """
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
