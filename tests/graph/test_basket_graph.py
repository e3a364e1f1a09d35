"""The co-purchase graph of baskets has an edge where products are together often and more than expected."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import basket_graph
from benchmarks.graph_files import read_graph

ORDERS = [["cup", "saucer"]] * 6 + [["lamp", "bulb"]] * 6 + [["cup", "lamp"]] * 3 + [["bulb", "saucer", "rare"]]
ORDERS += [["vase"]] * 20


def test_edges_classes_and_words_of_a_small_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [(order, item) for order, items in enumerate(ORDERS) for item in [*items, items[0]]]  # one line comes twice
    pd.DataFrame(lines, columns=["o", "p"]).to_parquet(tmp_path / "lines.parquet")
    titles = [("cup", "tea cup", 1), ("saucer", "tea saucer", 1), ("lamp", "a lamp", 2), ("bulb", "a bulb", 2)]
    pd.DataFrame([*titles, ("vase", "vase", 2), ("rare", "a rare one", 3)], columns=["p", "t", "c"]).to_parquet(
        tmp_path / "products.parquet"
    )
    monkeypatch.setattr(basket_graph, "_FEWEST", 2)
    arguments = {"lines": "lines.parquet", "products": "products.parquet", "to": "graph.npz"}
    given = [f"--{name}={tmp_path / file}" for name, file in arguments.items()]
    named = ["--group=o", "--item=p", "--title=t", "--label=c", "--min-orders=2", "--min-together=3"]
    monkeypatch.setattr(sys, "argv", ["basket_graph", *given, *named])
    basket_graph.main()
    adjacency, features, labels = read_graph(tmp_path / "graph.npz")
    # In order of their names: bulb, cup, lamp, saucer, vase.
    # Cup and lamp are together less than twice as often as expected.
    assert {tuple(sorted(pair)) for pair in zip(*adjacency.nonzero(), strict=True)} == {(0, 2), (1, 3)}
    assert labels.tolist() == [1, 0, 1, 0, 1]
    assert features.toarray().tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]]
    assert "5 products, 2 edges, 2 words, 2 classes" in capsys.readouterr().out
