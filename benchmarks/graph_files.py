"""Graphs of products with classes, as public files hold them. NumPy and SciPy only: peers import it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Longs = npt.NDArray[np.int64]

TRAINED, VALIDATED = 20, 30  # products per class
_PARTS = ("data", "indices", "indptr")  # of a sparse matrix


def read_graph(path: str | Path) -> tuple[sp.csr_matrix, sp.csr_matrix, Longs]:
    """Adjacency (symmetric, ones, no self loops), features and labels.

    Raises:
        ValueError: the file lacks some of the arrays, named with those it has.
    """
    with np.load(path, allow_pickle=False) as file:
        expected = [f"{kind}_{part}" for kind in ("adj", "attr") for part in (*_PARTS, "shape")]
        missing = [name for name in [*expected, "labels"] if name not in file.files]
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}; it has {', '.join(file.files)}")
        adjacency, features = (
            sp.csr_matrix(tuple(file[f"{kind}_{part}"] for part in _PARTS), file[f"{kind}_shape"])
            for kind in ("adj", "attr")
        )
        labels = file["labels"].astype(np.int64)
    both = ((adjacency + adjacency.T) > 0).astype(np.float32).tocoo()
    kept = both.row != both.col
    shape = (len(labels), len(labels))
    return sp.csr_matrix((both.data[kept], (both.row[kept], both.col[kept])), shape), features, labels


def split(labels: Longs, seed: int) -> tuple[Longs, Longs, Longs]:
    """Products to train on, to validate on and to test with; classes too small for it are left out, as is usual."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    by_class = [order[labels[order] == one] for one in np.unique(labels)]
    large = [members for members in by_class if len(members) > TRAINED + VALIDATED]
    parts = [np.split(members, [TRAINED, TRAINED + VALIDATED]) for members in large]
    trained, validated, tested = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return trained, validated, tested
