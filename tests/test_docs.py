"""What the documentation says of the project is true: its code compiles, its queries run, its links lead somewhere."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cartograph.cf import settings as cf_settings
from cartograph.core.model import Silver
from cartograph.core.tables import schema
from cartograph.core.tables.definition import defined_table
from cartograph.ingest.source import load_source

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
EXAMPLE = "together"  # The model that docs/extending.md adds.


def blocks(page: str, language: str) -> list[str]:
    """The code of one language on a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """What a link may name on a page: its headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        page = path.parent / file if file else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    """A path of Python is of the project, of the library, or of the step that the sentence is about."""
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)\b", path.read_text(encoding="utf-8")))
    places = [ROOT, ROOT / "libs", ROOT / "libs" / "cartograph"]
    example = {name for name in named if EXAMPLE in name}
    outside = {name for name in named if name.split("/")[0] in {"spark", "airflow", "tests", "src", "movies_etl"}}
    missing = [name for name in named - example - outside if not any((place / name).is_file() for place in places)]
    assert sorted(missing) == []


@pytest.mark.parametrize("code", blocks("extending.md", "python"), ids=lambda code: code.strip().splitlines()[0][:40])
def test_imports_of_the_recipes_exist(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cartograph"):
            missing = [name.name for name in node.names if not hasattr(import_module(node.module), name.name)]
            assert missing in ([], ["TogetherSettings"])


def test_the_table_of_the_recipe_is_an_entry_of_the_tuple() -> None:
    (code,) = [each for each in blocks("extending.md", "python") if "_table(" in each]
    names: dict[str, Any] = {"_table": defined_table}
    exec(compile(code, "gold", "exec", dont_inherit=True), names)
    (entry,) = names["GOLD"]
    assert (entry.layer, entry.key, entry.partition) == ("gold", ("as_of", "product_id"), ("as_of",))


def test_the_source_of_the_recipe_is_valid(tmp_path: Path) -> None:
    (source,) = blocks("extending.md", "yaml")
    (tmp_path / "till.yml").write_text(source)
    assert load_source("till", tmp_path).events is not None


def test_the_model_of_the_recipe_keeps_the_contract(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, model = blocks("extending.md", "python")[:2]
    names: dict[str, Any] = {"__name__": "cartograph.cf.settings"}
    exec(compile(settings, "settings", "exec", dont_inherit=True), names)
    monkeypatch.setattr(cf_settings, "TogetherSettings", names["TogetherSettings"], raising=False)
    made: dict[str, Any] = {"__name__": "cartograph.cf.together"}
    exec(compile(model, "together", "exec", dont_inherit=True), made)
    baskets = spark.createDataFrame(
        [("1", ["cup", "tea"]), ("2", ["cup", "tea"]), ("3", ["cup", "mug"])],
        "order_id string, product_ids array<string>",
    )
    fitted = made["Together"](min_orders=2).fit(Silver(baskets, baskets, baskets))
    assert [tuple(row) for row in fitted.associate(5).orderBy("product_id").collect()] == [
        ("cup", "tea", 2.0, 1), ("tea", "cup", 2.0, 1),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="min_orders"):
        made["Together"](min_order=2)


def test_every_gold_table_has_a_query_that_runs(spark: SparkSession) -> None:
    queries = blocks("tables.md", "sql")
    named = {name for query in queries for name in re.findall(r"gold\.\w+", query)}
    assert named == {name for name, table in schema.TABLES.items() if table.layer == "gold"}
    for name in named:
        view = name.replace(".", "_")
        spark.createDataFrame([], schema.table(name).columns).createOrReplaceTempView(view)
    for query in queries:
        assert spark.sql(query.replace("gold.", "gold_")).collect() == []
