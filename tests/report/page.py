"""What a page shows, made by hand, and the page as a browser takes it apart."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.conftest import ROOT

REPORT = ROOT / "libs" / "cartograph" / "report"


def content(title: str = "cup", number: float = 2.5) -> dict[str, Any]:
    """A page of one product that goes with itself, under `title`; `number` stands wherever a measured number does."""
    rule = {"antecedent": ["p"], "consequent": ["p"], "n_baskets": 3, "support": number, "confidence": number}
    rule |= {"lift": number, "leverage": number, "q_value": number, "is_significant": True, "trend": None}
    related = {"rank": 1, "product_id": "p", "score": number, "why": f"Bought with {title}."}
    event = {"product_id": "p", "event_type": "purchase", "event_at": "2011-05-01"}
    node = {"product_id": "p", "community_id": "c", "pagerank": number, "core": 1, "n_triangles": 0}
    value = {"as_of": "2011-05-01", "model": "als", "slice": "all", "metric": "ndcg", "k": 5, "n_users": 9}
    decided = {"challenger": "als", "champion": "fused", "metric": "ndcg", "k": 5, "decision": "keep"}
    week = {"week": "2011-05-02", "n_orders": 1, "n_customers": 1, "n_items": 1, "revenue": number, "n_days": 7}
    contents: dict[str, dict[str, Any]] = {
        "related_products": {
            "best_sellers": [{"product_id": "p", "n_baskets": 3, "related": [related], "others": []}]
        },
        "communities": {
            "communities": [{"community_id": "c", "n_products": 1, "leaders": ["p"]}],
            "map": {"nodes": [node], "edges": []},
            "bundles": [{"product_ids": ["p"], "n_orders": 1, "n_outside": 1, "lift": number}],
        },
        "rules": {"rules": [rule], "n_rules": 1},
        "models": {
            "evaluation": [value | {"value": number, "low": number, "high": number}],
            "fusion": {"method": "rrf", "learned_from": "2011-05-01", "ndcg": [{"method": "rrf", "value": number}]},
            "promotions": [decided | {"reasons": [title], "difference": number, "low": number, "high": number}],
            "horizon_days": 30, "k_fusion": 20, "lower_is_better": ["gini"],
        },
        "customers": {
            "customers": [{"user_id": "u", "past": [event], "shown": [related | {"models": ["als"]}]}]
        },
        "sales": {"weeks": [week]},
        "quality": {
            "ledger": {"n_in": 1, "n_kept": 1, "n_merged": 0, "n_quarantined": 0, "n_duplicates": 0},
            "reasons": [{"rule": "odd", "n": 1, "example": title}],
        },
        "audit": {"as_of": "2011-06-01", "audit": {"n_checks": 1, "n_checked": 1, "leaks": []}},
        "tables": {"tables": []},
    }  # fmt: skip
    totals = dict.fromkeys(("n_orders", "n_events", "n_customers", "n_products", "n_rules"), 1)
    return {
        "as_of": "2011-06-01",
        "totals": totals | {"first_on": None, "last_on": None},
        "titles": {"p": title},
        "sections": [{"name": name, "label": name, "content": shown} for name, shown in contents.items()],
    }


class Elements(HTMLParser):
    """The tags, the attributes that load something, and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [
            value or "" for name, value in attrs if name in ("src", "href") and not str(value).startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def data_of(page: str) -> dict[str, Any]:
    """The numbers and texts that the scripts get; fails on what a browser's JSON does not know."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} stops the scripts")

    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1], parse_constant=refuse)
    return data


def evaluated(expression: str, *scripts: str, data: dict[str, Any] | None = None) -> Any:
    """The value of an expression over functions of the page's scripts, by Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the page's scripts cannot be run here")
    program = "\n".join((REPORT / name).read_text() for name in scripts)
    program = f"const data = {json.dumps(data or {})};\n{program}\nprocess.stdout.write(JSON.stringify({expression}));"
    done = subprocess.run([node, "-e", program], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)
