"""Slow honest oracles: itemsets by looking at every combination, rules by looking at every split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

Itemset = tuple[str, ...]
Counts = dict[Itemset, int]


def all_counts(baskets: Iterable[Sequence[str]], max_length: int = 0) -> Counts:
    """Every itemset in any basket, and in how many baskets it is."""
    counts: Counter[Itemset] = Counter()
    for basket in baskets:
        items = sorted(set(basket))
        for length in range(1, min(max_length or len(items), len(items)) + 1):
            counts.update(combinations(items, length))
    return dict(counts)


def frequent(baskets: Sequence[Sequence[str]], min_support: float, max_length: int = 0) -> Counts:
    """The itemsets in at least that share of the baskets."""
    counts = all_counts(baskets, max_length)
    return {itemset: n for itemset, n in counts.items() if n >= min_support * len(baskets) - 1e-9}


def rules(counts: Counts, n_baskets: int, max_consequent: int = 1) -> dict[tuple[Itemset, Itemset], tuple[int, ...]]:
    """Every split of every itemset: (antecedent, consequent) to n_ab, n_a, n_b, n."""
    found = {}
    for itemset, n in counts.items():
        for length in range(1, min(max_consequent, len(itemset) - 1) + 1):
            for consequent in combinations(itemset, length):
                antecedent = tuple(item for item in itemset if item not in consequent)
                found[antecedent, consequent] = (n, counts[antecedent], counts[consequent], n_baskets)
    return found
