"""Frequent itemsets by a public package, from a file of baskets; ends with status 3 where it is not installed.

The clock starts when the baskets are in the form that the package expects. A package that exceeds the time limit
is stopped, which is reported in place of its seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pyarrow.feather as feather

Baskets = list[list[str]]
Mine = Callable[[], int]
_DENSE_CELLS = 1_500_000_000


def main() -> None:
    """Mines in a child process and prints what it found, or that it did not finish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", choices=sorted(PACKAGES), required=True)
    parser.add_argument("--baskets", required=True)
    for name in ("min-count", "max-length", "limit"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    received, sent = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_work, args=(options, sent))
    child.start()
    sent.close()
    answer: dict[str, Any] = {"seconds": None, "stopped_after": options.limit}
    try:
        if received.poll(options.limit):
            answer = received.recv()
    except EOFError:
        answer = {"failed": "it ended without an answer (out of memory?)"}
    child.kill()
    if answer.get("missing"):
        sys.exit(3)
    print(json.dumps(answer))


def _work(options: argparse.Namespace, answer: Connection) -> None:
    baskets = feather.read_table(options.baskets)["product_ids"].to_pylist()
    try:
        mine = PACKAGES[options.package](baskets, options.min_count, options.max_length)
        start = time.perf_counter()
        n_itemsets = mine()
    except ModuleNotFoundError as error:
        is_missing = error.name == MODULES[options.package]
        answer.send({"missing": True} if is_missing else {"failed": f"{type(error).__name__}: {error}"})
    except Exception as error:
        answer.send({"failed": f"{type(error).__name__}: {error}".splitlines()[0]})
    else:
        answer.send({"seconds": round(time.perf_counter() - start, 3), "metrics": {"n_itemsets": n_itemsets}})


def pyfim(baskets: Baskets, min_count: int, max_length: int) -> Mine:
    """Borgelt's FP-growth in C."""
    import fim

    return lambda: len(fim.fpgrowth(baskets, target="s", supp=-min_count, zmin=1, zmax=max_length or -1, report="a"))


def rusket(baskets: Baskets, min_count: int, max_length: int) -> Mine:
    """FP-growth in Rust."""
    import rusket as package

    table = package.from_transactions(baskets)
    share = (min_count - 0.5) / len(baskets)
    return lambda: len(package.mine(table, min_support=share, max_len=max_length or None, use_colnames=False))


def mlxtend(baskets: Baskets, min_count: int, max_length: int) -> Mine:
    """FP-growth in Python over a table of booleans, sparse where it would not fit."""
    import pandas as pd
    from mlxtend.frequent_patterns import fpgrowth
    from mlxtend.preprocessing import TransactionEncoder

    encoder = TransactionEncoder()
    encoder.fit(baskets)
    if len(baskets) * len(encoder.columns_) < _DENSE_CELLS:
        table = pd.DataFrame(encoder.transform(baskets))
    else:
        table = pd.DataFrame.sparse.from_spmatrix(encoder.transform(baskets, sparse=True))
    share = (min_count - 0.5) / len(baskets)
    return lambda: len(fpgrowth(table, min_support=share, max_len=max_length or None))


def efficient_apriori(baskets: Baskets, min_count: int, max_length: int) -> Mine:
    """Apriori in Python."""
    from efficient_apriori import itemsets_from_transactions

    rows = [tuple(basket) for basket in baskets]
    share = (min_count - 0.5) / len(baskets)

    def mine() -> int:
        found, _ = itemsets_from_transactions(rows, share, max_length=max_length or 100)
        return sum(len(level) for level in found.values())

    return mine


PACKAGES: dict[str, Callable[[Baskets, int, int], Mine]] = {
    "pyfim": pyfim,
    "rusket": rusket,
    "mlxtend": mlxtend,
    "efficient-apriori": efficient_apriori,
}
MODULES = {
    "pyfim": "fim",
    "rusket": "rusket",
    "mlxtend": "mlxtend",
    "efficient-apriori": "efficient_apriori",
}

if __name__ == "__main__":
    main()
