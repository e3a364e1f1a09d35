"""A co-purchase graph of real baskets, in the form that `benchmarks.graph` reads: a class and title words per product.

    python -m benchmarks.basket_graph --lines order_products__train.parquet --products products.parquet
        --group order_id --item product_id --title product_name --label department_id --to instacart.npz

Nodes are products in `--min-orders` orders or more; an edge joins two that are together in `--min-together` orders or
more, and in twice the number expected at random among the orders that hold such products. NumPy, SciPy and pandas
only.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

_ABOVE_EXPECTED = 2.0
_FEWEST = 5  # products that a word must name


def main() -> None:
    """Writes the file, and prints what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("lines", "products", "group", "item", "title", "label", "to"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--min-orders", type=int, default=50)
    parser.add_argument("--min-together", type=int, default=5)
    options = parser.parse_args()
    lines = pd.read_parquet(options.lines, columns=[options.group, options.item]).drop_duplicates()
    products = pd.read_parquet(options.products).drop_duplicates(options.item).set_index(options.item)
    counts = lines[options.item].value_counts()
    kept = np.sort(counts[counts >= options.min_orders].index.intersection(products.index))
    known = products.loc[kept]
    adjacency = pairs(lines[lines[options.item].isin(kept)], kept, options)
    features = words_of(known[options.title].fillna(""))
    labels = pd.factorize(known[options.label], sort=True)[0]
    parts: dict[str, Any] = {"labels": labels}
    for name, matrix in (("adj", adjacency), ("attr", features)):
        for part in ("data", "indices", "indptr", "shape"):
            parts[f"{name}_{part}"] = getattr(matrix, part)
    np.savez_compressed(options.to, **parts)
    print(
        f"{options.to}: {len(labels)} products, {adjacency.nnz // 2} edges, {features.shape[1]} words, "
        f"{labels.max() + 1} classes, the largest {np.bincount(labels).max() / len(labels):.3f} of the products"
    )


def pairs(lines: pd.DataFrame, kept: Any, options: argparse.Namespace) -> sp.csr_matrix:
    """Ones where two products are joined by an edge."""
    codes, orders = np.searchsorted(kept, lines[options.item]), pd.factorize(lines[options.group])[0]
    had = sp.csr_matrix((np.ones(len(codes), np.float32), (orders, codes)), (orders.max() + 1, len(kept)))
    together = (had.T @ had).tocoo()
    sizes = np.asarray(had.sum(0))[0]
    expected = sizes[together.row] * sizes[together.col] / had.shape[0]
    joined = (together.row != together.col) & (together.data >= options.min_together)
    joined &= together.data >= _ABOVE_EXPECTED * expected
    where = (together.row[joined], together.col[joined])
    return sp.csr_matrix((np.ones(joined.sum(), np.float32), where), together.shape)


def words_of(titles: pd.Series) -> sp.csr_matrix:
    """Ones where a title has a word."""
    found = [sorted(set(re.findall(r"[a-z]+", title.lower()))) for title in titles]
    counts = Counter(word for words in found for word in words)
    vocabulary = {word: code for code, word in enumerate(sorted(w for w, n in counts.items() if n >= _FEWEST))}
    places = [(row, vocabulary[word]) for row, words in enumerate(found) for word in words if word in vocabulary]
    rows, columns = np.array(places).T
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(found), len(vocabulary)))


if __name__ == "__main__":
    main()
