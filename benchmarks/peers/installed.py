"""Which public peers work in the environment that runs this: each is imported and made to do a little.

    .venv-bench/bin/python -m benchmarks.peers.installed

Ends with status 1 where one is installed and does not work, or where there is none at all. A peer that is not installed
is reported, and left out of the benchmarks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

BASKETS = [["bread", "jam"], ["bread", "jam"], ["bread"], ["tea"]]  # nothing in all: pyfim leaves out such an item


def leave_out(error: ModuleNotFoundError, *packages: str) -> NoReturn:
    """Ends with status 3, which says that the peer is not installed, if it is one of these packages that is missing."""
    if error.name in packages:
        sys.exit(3)
    raise error  # installed, but something that it needs is not


def itemsets(package: str) -> None:
    """The three itemsets of two baskets or more: bread, jam, and both."""
    from benchmarks.peers.itemsets import PACKAGES

    found = PACKAGES[package](BASKETS, 2, 0)()
    if found != 3:
        raise ValueError(f"found {found} itemsets where there are 3")


def implicit() -> None:
    """Factors of two customers."""
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=2, iterations=1)
    model.fit(sp.csr_matrix([[1.0, 0.0], [1.0, 1.0]], dtype="float32"), show_progress=False)


def rectools() -> None:
    """A model of sequences."""
    from rectools.models import SASRecModel

    SASRecModel(n_factors=4, epochs=1)


def torch_geometric() -> None:
    """Vectors of a graph of two nodes."""
    import torch
    from torch_geometric.nn.models import LightGCN

    LightGCN(2, 4, 1).get_embedding(torch.tensor([[0, 1], [1, 0]]))


PEERS: dict[str, Callable[[], None]] = {
    **{name: partial(itemsets, name) for name in ("pyfim", "rusket", "mlxtend", "efficient-apriori")},
    "implicit": implicit,
    "rectools": rectools,
    "torch_geometric": torch_geometric,
}
MODULES = {
    "fim": "pyfim", "rusket": "rusket", "mlxtend": "mlxtend", "efficient_apriori": "efficient-apriori",
    "implicit": "implicit", "rectools": "rectools", "torch_geometric": "torch_geometric",
}  # fmt: skip


def verdict(peer: str, work: Callable[[], None]) -> str | None:
    """None where the peer works, `not installed`, or why it does not work."""
    try:
        work()
    except ModuleNotFoundError as error:
        if MODULES.get(str(error.name)) == peer:
            return "not installed"
        return f"fails: {error}"
    except Exception as error:
        return f"fails: {type(error).__name__}: {error}".splitlines()[0]
    return None


def main() -> None:
    """Prints a line per peer."""
    found = {peer: verdict(peer, work) for peer, work in PEERS.items()}
    for peer, problem in found.items():
        print(f"{peer:18} {problem or 'works'}")
    broken = any(problem and problem.startswith("fails") for problem in found.values())
    sys.exit(1 if broken or None not in found.values() else 0)


if __name__ == "__main__":
    main()
