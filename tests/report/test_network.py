"""The network of the rule explorer: every product once, every rule an arrow, all of it on the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "libs" / "cartograph" / "report" / "page"


def laid_out(rules: list[dict[str, list[str]]], width: int, height: int) -> dict[str, Any]:
    """Nodes with their positions, and links as pairs of ids."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the page's scripts cannot be run here")
    program = f"""{(PAGE / "network.js").read_text()}
      const {{ nodes, links }} = networkOf({json.dumps(rules)});
      networkLayout(nodes, links, {width}, {height});
      process.stdout.write(JSON.stringify({{ nodes, links: links.map(({{ from, to }}) => [from.id, to.id]) }}));"""
    done = subprocess.run([node, "-e", program], capture_output=True, check=True, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def rule(left: str, right: str) -> dict[str, list[str]]:
    return {"antecedent": left.split(), "consequent": right.split()}


def test_every_product_is_one_node_and_a_rule_comes_from_each_product_on_its_left() -> None:
    found = laid_out([rule("tea", "cup"), rule("cup", "tea"), rule("tea pot", "cup")], 600, 400)
    assert {(node["id"], node["n"]) for node in found["nodes"]} == {("tea", 3), ("cup", 4), ("pot", 1)}
    assert found["links"] == [["tea", "cup"], ["cup", "tea"], ["tea", "cup"], ["pot", "cup"]]


def test_products_of_a_rule_lie_nearer_than_others_and_all_lie_inside() -> None:
    groups = ["abc", "def", "ghi", "jkl"]
    rules = [rule(one, other) for group in groups for one in group for other in group if one != other]
    found = laid_out(rules, 800, 500)
    positions = {node["id"]: (node["x"], node["y"]) for node in found["nodes"]}
    assert all(0 < x < 800 and 0 < y < 500 for x, y in positions.values())

    def distance(one: str, other: str) -> float:
        (a, b), (c, d) = positions[one], positions[other]
        return float(((a - c) ** 2 + (b - d) ** 2) ** 0.5)

    within = [distance(one, other) for group in groups for one in group for other in group if one < other]
    between = [distance(first[0], second[0]) for first in groups for second in groups if first < second]
    assert max(within) < min(between)
    assert min(within) > 10


def test_the_same_rules_give_the_same_picture_and_one_product_is_no_error() -> None:
    rules = [rule("a", "b"), rule("b", "c")]
    assert laid_out(rules, 600, 400) == laid_out(rules, 600, 400)
    assert laid_out([], 600, 400) == {"nodes": [], "links": []}
