"""Texts lose their markup; words are found in every script, and stop words and possessives are left out."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.views.text import texts, words


@pytest.fixture(scope="module")
def products(spark: SparkSession) -> DataFrame:
    rows = [
        ("cup", "Women's CUP, 500ml", "<p>For the coffee;<br/>see https://shop.example/cup?x=1 now</p>"),
        ("jar", None, "A jar  of\nCrème brûlée"),
        ("tea", "綠茶杯 ティーカップ L", None),
        ("thai", "ถ้วย", "  "),
        ("none", None, None),
        ("tags", "<b></b>", None),
    ]
    return spark.createDataFrame(rows, "product_id string, title string, description string")


def found(products: DataFrame, language: str | None = None) -> dict[str, list[str]]:
    return {row.product_id: row.words for row in words(texts(products), language).collect()}


def test_title_and_description_make_one_text_without_markup_and_addresses(products: DataFrame) -> None:
    read = {row.product_id: row.text for row in texts(products).collect()}
    assert read == {
        "cup": "Women's CUP, 500ml. For the coffee; see now",
        "jar": "A jar of Crème brûlée",
        "tea": "綠茶杯 ティーカップ L",
        "thai": "ถ้วย.",
    }


def test_words_are_runs_of_letters_and_digits_in_lower_case(products: DataFrame) -> None:
    assert found(products)["cup"] == ["women", "cup", "500ml", "for", "the", "coffee", "see", "now"]
    assert found(products)["jar"] == ["a", "jar", "of", "crème", "brûlée"]


def test_scripts_without_blanks_are_cut_into_pairs_of_characters(products: DataFrame) -> None:
    assert found(products)["tea"] == ["綠茶", "茶杯", "ティ", "ィー", "ーカ", "カッ", "ップ", "l"]
    assert found(products)["thai"] == ["ถ้", "้ว", "วย"]


def test_stop_words_of_the_language_are_left_out(products: DataFrame) -> None:
    assert found(products, "english")["cup"] == ["women", "cup", "500ml", "coffee", "see"]
    assert found(products, "english")["jar"] == ["jar", "crème", "brûlée"]
    assert found(products, "french")["cup"] == found(products)["cup"]
