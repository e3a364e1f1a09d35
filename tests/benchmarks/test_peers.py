"""A peer that is missing or fails is named, and affects neither our figures nor those of the other peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from benchmarks.harness import PEER_PYTHON, PeakMemory, attempted, print_result, run_peer
from benchmarks.peers.installed import BASKETS, verdict

BROKEN = "raise ImportError('pyarrow requires NumPy 2.0 or newer')"
SMALL = """
def from_transactions(baskets): return baskets
def mine(table, min_support, max_len, use_colnames): return [1] * (len(table) - 1)
"""


@pytest.fixture(autouse=True)
def _this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PEER_PYTHON, sys.executable)


@pytest.fixture
def baskets(tmp_path: Path) -> str:
    feather.write_feather(pa.table({"product_ids": BASKETS}), str(tmp_path / "baskets.arrow"))
    return str(tmp_path / "baskets.arrow")


def mined(package: str, baskets: str) -> dict[str, object] | None:
    arguments = {"package": package, "baskets": baskets, "min-count": 2, "max-length": 0, "limit": 60}
    return run_peer("benchmarks.peers.itemsets", [f"--{name}={value}" for name, value in arguments.items()])


def test_a_package_that_is_there_and_cannot_be_imported_has_failed(
    tmp_path: Path, baskets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    (tmp_path / "rusket.py").write_text(BROKEN)
    assert mined("rusket", baskets) == {"failed": "ImportError: pyarrow requires NumPy 2.0 or newer"}
    (tmp_path / "rusket.py").write_text(SMALL)
    answer = mined("rusket", baskets)
    assert answer is not None
    assert answer["metrics"] == {"n_itemsets": 3}


def test_a_package_that_is_not_installed_is_missing(baskets: str, tmp_path: Path) -> None:
    assert mined("efficient-apriori", baskets) is None
    assert run_peer("benchmarks.peers.implicit_topk", ["none", "1"]) is None


def test_a_peer_that_ends_badly_or_prints_no_figures_has_failed() -> None:
    badly = run_peer("benchmarks.peers.itemsets", ["--package=pyfim"])
    assert badly is not None
    assert "the following arguments are required: --baskets" in badly["failed"]
    poem = run_peer("this", [])
    assert poem is not None
    assert poem["failed"].startswith("printed no result: ")


def test_a_peer_in_our_own_session_that_raises_has_failed() -> None:
    def broken() -> dict[str, object]:
        raise MemoryError("Java heap space")

    assert attempted(broken) == {"failed": "MemoryError: Java heap space"}
    assert attempted(lambda: {"seconds": 1.0}) == {"seconds": 1.0}


def test_the_result_holds_our_figures_and_names_every_peer_once(capsys: pytest.CaptureFixture[str]) -> None:
    peers = {"mllib": {"seconds": 2.0}, "rusket": {"failed": "ImportError: numpy"}, "pyfim": None}
    print_result("itemsets", "native", {"n_itemsets": 3}, 1.0, 0.5, PeakMemory(), peers)
    result = json.loads(capsys.readouterr().out)
    assert (result["metrics"], result["seconds"]) == ({"n_itemsets": 3}, 1.0)
    assert result["peers"] == {"mllib": {"seconds": 2.0}}
    assert result["failed"] == {"rusket": "ImportError: numpy"}
    assert result["missing"] == ["pyfim"]


def test_what_is_installed_is_tried_and_distinguished_from_what_is_not() -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def broken() -> None:
        raise ImportError("pyarrow requires NumPy 2.0 or newer\nsee the manual")

    assert verdict("pyfim", lambda: missing("fim")) == "not installed"
    assert verdict("pyfim", lambda: missing("numpy")) == "fails: No module named 'numpy'"
    assert verdict("rusket", broken) == "fails: ImportError: pyarrow requires NumPy 2.0 or newer"
    assert verdict("mlxtend", lambda: None) is None
