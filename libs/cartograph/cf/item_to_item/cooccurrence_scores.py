"""What a pair of products scores: from summed weights, or from the counts of groups with one, the other, both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from cartograph.cf.item_to_item.cooccurrence_sums import UNIT
from cartograph.core.pairs.counts import PairRows
from cartograph.core.pairs.kernels import Floats


def decayed_weights(pairs: PairRows, popularity_exponent: float) -> Floats:
    """Summed weight over n_j^popularity_exponent."""
    damping = pairs.block.catalogue.n_groups.astype(np.float64) ** -popularity_exponent
    scores: Floats = pairs.sums / UNIT * damping[pairs.others]
    return scores


def confidences(pairs: PairRows, min_count: int) -> Floats:
    """n_ij / n_i: the share of the first product's groups that hold the second too."""
    n_groups = pairs.block.catalogue.n_groups
    return _frequent(pairs, pairs.sums / pairs.spread(n_groups[pairs.own]), min_count)


def excesses(pairs: PairRows, min_count: int) -> Floats:
    """(n_ij - expected) / sqrt(expected), where groups of i contain j as often as any of the same length.

    With P_j the share of j among the members of all groups without i, a group of i with m other members holds j with
    probability 1 - (1 - P_j)^m (Smith and Linden 2017). Summed over lengths, and over the counts of
    groups that products have: two products with the same number of groups are equally likely.
    """
    lengths, group_lengths = np.unique(np.diff(pairs.block.starts), return_inverse=True)
    n_groups = pairs.block.catalogue.n_groups
    popularities, popularity_of = np.unique(n_groups, return_inverse=True)
    absent = np.log1p(-np.minimum(popularities / n_groups.sum(), 1 - 1e-12))
    missing = np.exp(np.outer(lengths - 1, absent))  # (lengths, popularities): no member is the product
    histograms = np.zeros((len(pairs.rows), len(lengths)))
    for at, row in enumerate(pairs.rows):
        groups = pairs.block.own_groups[pairs.block.own_starts[row] : pairs.block.own_starts[row + 1]]
        histograms[at] = np.bincount(group_lengths[groups], minlength=len(lengths))
    expected = histograms.sum(axis=1, keepdims=True) - histograms @ missing
    of_pair = expected[pairs.spread(np.arange(len(pairs.rows))), popularity_of[pairs.others]]
    return _frequent(pairs, (pairs.sums - of_pair) / np.sqrt(np.maximum(of_pair, 1e-12)), min_count)


def log_likelihood_ratios(pairs: PairRows, min_count: int) -> Floats:
    """Dunning's G² of the two by two table of groups; pairs no more frequent than expected are left out."""
    n_groups, total = pairs.block.catalogue.n_groups, pairs.block.catalogue.total
    both, first, second = pairs.sums, pairs.spread(n_groups[pairs.own]), n_groups[pairs.others]
    ratio = 2 * (
        _entropy(first, total - first)
        + _entropy(second, total - second)
        - _entropy(both, first - both, second - both, total - first - second + both)
    )
    above_expected = both.astype(np.float64) * total > first.astype(np.float64) * second
    return _frequent(pairs, np.where(above_expected, np.maximum(ratio, 0.0), -np.inf), min_count)


def _entropy(*counts: npt.NDArray[np.int64]) -> Floats:
    """n log n - sum of c log c over the cells of a table: its entropy times n."""
    total = sum(counts)
    entropy: Floats = xlogy(total, total) - sum(xlogy(cell, cell) for cell in counts)
    return entropy


def _frequent(pairs: PairRows, scores: Floats, min_count: int) -> Floats:
    """The scores, minus infinity for pairs in fewer than `min_count` groups."""
    kept: Floats = np.where(pairs.sums >= min_count, scores, -np.inf)
    return kept


MEASURES: dict[str, Callable[..., Floats]] = {
    "confidence": confidences,
    "expected": excesses,
    "llr": log_likelihood_ratios,
}
