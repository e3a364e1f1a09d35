"""`recommend` of the `implicit` package on given factors; ends with status 3 where it is not installed."""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmarks.peers.installed import leave_out

try:
    from implicit.cpu.als import AlternatingLeastSquares
except ModuleNotFoundError as error:
    leave_out(error, "implicit")


def main() -> None:
    """Loads factors from the file named first, recommends the number of items in the second argument to every user."""
    factors = np.load(sys.argv[1])
    model = AlternatingLeastSquares(factors=factors["items"].shape[1])
    model.user_factors, model.item_factors = factors["queries"], factors["items"]
    users = np.arange(len(model.user_factors))
    start = time.perf_counter()
    model.recommend(users, None, N=int(sys.argv[2]), filter_already_liked_items=False)
    print(json.dumps({"seconds": round(time.perf_counter() - start, 3)}))


if __name__ == "__main__":
    main()
