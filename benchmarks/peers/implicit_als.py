"""ALS and `recommend` of the `implicit` package on the same files; ends with status 3 where it is not installed."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from benchmarks.lightgcn import read_interactions, recall_and_ndcg
from benchmarks.peers.installed import leave_out

try:
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares
except ModuleNotFoundError as error:
    leave_out(error, "implicit", "scipy")


def main() -> None:
    """Fits, recommends to the test users, prints seconds and metrics."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    for name, kind in (("rank", int), ("iterations", int), ("regularisation", float), ("alpha", float), ("k", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    train, test = read_interactions(options.train), read_interactions(options.test)
    shape = (max(train[0].max(), test[0].max()) + 1, max(train[1].max(), test[1].max()) + 1)
    matrix = sp.csr_matrix((np.ones(len(train[0]), dtype=np.float32), train), shape=shape)
    matrix.data[:] = 1
    # Its confidence is alpha * r where ours is 1 + alpha * r, and its regularisation is not multiplied by the number
    # of interactions, so the mean number stands in for it.
    scale = options.regularisation * matrix.nnz / np.mean(shape)
    model = AlternatingLeastSquares(
        factors=options.rank,
        iterations=options.iterations,
        alpha=1 + options.alpha,
        regularization=scale,
        random_state=7,
    )
    start = time.perf_counter()
    model.fit(matrix, show_progress=False)
    fitted = time.perf_counter()
    users = np.unique(test[0])
    items, scores = model.recommend(users, matrix[users], N=options.k, filter_already_liked_items=True)
    scored = time.perf_counter()
    filled = (items >= 0) & (scores > -1e30)
    rows, places = np.nonzero(filled)
    ranked = (users[rows], items[rows, places].astype(np.int64), places + 1)
    answer = {
        "seconds": round(scored - start, 3),
        "fit_seconds": round(fitted - start, 3),
        "score_seconds": round(scored - fitted, 3),
        "metrics": recall_and_ndcg(test, ranked, options.k),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
