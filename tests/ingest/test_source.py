"""Declarations are checked as a whole, and problems are reported by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cartograph.ingest.source import SourceError, load_source
from tests.conftest import ROOT
from tests.lake import declaration

SHIPPED = sorted(file.stem for file in (ROOT / "conf" / "sources").glob("*.yml"))
LINES = {"format": "csv", "columns": {"id": "string", "n": "long"}}
EVENTS = {"input": "lines", "columns": {"product_id": "id"}}


def declare(folder: Path, text: str) -> Path:
    (folder / "one.yml").write_text(text)
    return folder


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_declaration_holds(name: str) -> None:
    source = load_source(name, ROOT / "conf" / "sources")
    assert source.about
    assert "events" in source.mappings


def test_six_sources_and_a_template_are_shipped() -> None:
    real = {"online_retail", "online_retail_ii", "retailrocket_multibehavior", "complete_journey", "instacart_train"}
    assert set(SHIPPED) == real | {"shop", "template"}


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"inputs": {"lines": LINES}, "evens": EVENTS}, "unknown key evens; did you mean events?"),
        ({"inputs": {"lines": LINES | {"colums": {}}}, "events": EVENTS}, "did you mean columns?"),
        ({"inputs": {"lines": LINES | {"format": "xml"}}, "events": EVENTS}, "inputs.lines.format: Input should be"),
        ({"inputs": {"lines": LINES | {"columns": {"id": "text"}}}, "events": EVENTS}, "inputs.lines.columns.id"),
        ({"inputs": {"lines": LINES}, "events": EVENTS | {"input": "line"}}, "'line'; did you mean lines?"),
        ({"inputs": {"lines": LINES}, "events": EVENTS | {"join": {"shelves": "id"}}}, "reads input 'shelves'"),
        (
            {"inputs": {"lines": LINES}, "events": {"input": "lines", "columns": {"produkt_id": "id"}}},
            "no canonical column 'produkt_id'; did you mean product_id?",
        ),
        (
            {"inputs": {"lines": LINES}, "products": EVENTS | {"group_by": ["title"]}},
            "products.group_by names 'title', which products.columns does not define",
        ),
        ({"inputs": {"lines": LINES}}, "none of events, products, users is declared"),
        ({"events": EVENTS}, "inputs: Field required"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, parts: dict[str, object], problem: str) -> None:
    with pytest.raises(SourceError) as error:
        load_source("one", declare(tmp_path, declaration(**parts)))
    assert problem in str(error.value)
    assert "one.yml" in str(error.value)


@pytest.mark.parametrize("text", ["a: [1", "- just\n- a list", ""])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"one\.yml"):
        load_source("one", declare(tmp_path, text))


def test_an_unknown_source_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no source 'ones'; did you mean one\?"):
        load_source("ones", declare(tmp_path, ""))


def test_values_that_yaml_reads_as_numbers_or_truths_are_text(tmp_path: Path) -> None:
    lines = LINES | {"options": {"header": True, "sep": 1}}
    events = {"input": "lines", "where": True, "columns": {"product_id": "id", "quantity": 1}}
    source = load_source("one", declare(tmp_path, declaration(inputs={"lines": lines}, events=events)))
    assert source.inputs["lines"].options == {"header": "true", "sep": "1"}
    assert source.mappings["events"].where == "true"
    assert source.mappings["events"].columns["quantity"] == "1"


@pytest.mark.parametrize("word", ["no", "On", "yes"])
def test_a_bare_word_that_yaml_takes_for_a_truth_is_to_be_quoted(tmp_path: Path, word: str) -> None:
    text = declaration(inputs={"lines": LINES}, events=EVENTS).replace(
        "product_id: id", f"product_id: id\n    order_id: {word}"
    )
    with pytest.raises(SourceError, match=rf'a bare {word} is a boolean .* put it in quotes, "{word}"(.|\n)*line \d+'):
        load_source("one", declare(tmp_path, text))
    quoted = load_source("one", declare(tmp_path, text.replace(f": {word}", f': "{word}"')))
    assert quoted.mappings["events"].columns["order_id"] == word


def test_order_numbers_start_anew_only_at_what_is_declared(tmp_path: Path) -> None:
    parts = {"inputs": {"lines": LINES}, "events": EVENTS, "cleaning": {"orders_per": ["till", "day"]}}
    with pytest.raises(SourceError, match=r"cleaning\.orders_per names till, which events\.columns does not define"):
        load_source("one", declare(tmp_path, declaration(**parts)))


def test_a_declaration_is_known_by_what_decides_about_rows(tmp_path: Path) -> None:
    parts = {"inputs": {"lines": LINES}, "events": EVENTS}
    one = load_source("one", declare(tmp_path, declaration(**parts)))
    about = load_source("one", declare(tmp_path, declaration(**parts).replace("made for a test", "something else")))
    other = load_source("one", declare(tmp_path, declaration(**parts, cleaning={"dates": "day_first"})))
    assert one.declared("events") == about.declared("events") != other.declared("events")
