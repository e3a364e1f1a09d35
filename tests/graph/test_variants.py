"""Titles that differ in size, colour or pack only."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.graph.relations.variants import MAX_VARIANTS, families, stem

STEMS = [
    ("Brevo Iris Decaffeinated Coffee Beans, 250g", "brevo iris decaffeinated coffee beans"),
    ("BREVO IRIS DECAFFEINATED COFFEE BEANS, 1 kg", "brevo iris decaffeinated coffee beans"),
    ("Trailhead Merino Socks, XL", "trailhead merino socks"),
    ("Trailhead Merino Socks size 42", "trailhead merino socks"),
    ("Mug, Sage Green", "mug"),
    ("Mug - dark blue", "mug"),
    ("Batteries, Pack of 4", "batteries"),
    ("Batteries 12-pack", "batteries"),
    ("Cola 330ml x 6", "cola"),
    ("Cola 0,5 l", "cola"),
    ("Pen 12", "pen 12"),
    ("Small blue", None),
    ("Redwood sledge", "redwood sledge"),  # words that only begin like a colour stay
    (None, None),
]


def test_size_colour_and_pack_are_taken_out_of_a_title(spark: SparkSession) -> None:
    titles = spark.createDataFrame(
        [(place, title) for place, (title, _) in enumerate(STEMS)], "place int, title string"
    )
    found = {row.place: row.stem for row in titles.select("place", stem(F.col("title")).alias("stem")).collect()}
    assert [found[place] for place in range(len(STEMS))] == [expected for _, expected in STEMS]


def test_a_family_has_one_title_one_brand_and_one_category(spark: SparkSession) -> None:
    rows = [
        ("p1", "Mug, red", "Brevo", ["Kitchen"]),
        ("p2", "Mug, blue", "Brevo", ["Kitchen"]),
        ("p3", "Mug, blue", "Castello", ["Kitchen"]),
        ("p4", "Mug, blue", "Brevo", ["Garden"]),
        ("p5", None, None, None),
        ("p6", None, None, None),
        *[(f"same{n:02}", f"Gift {n} cm", None, None) for n in range(MAX_VARIANTS + 1)],
    ]
    products = spark.createDataFrame(rows, "product_id string, title string, brand string, category array<string>")
    found = {row.product_id: row.family_id for row in families(products).collect()}
    assert {name: family for name, family in found.items() if name.startswith("p")} == {
        "p1": "p1", "p2": "p1", "p3": "p3", "p4": "p4", "p5": "p5", "p6": "p6"
    }  # fmt: skip
    assert len({family for name, family in found.items() if name.startswith("same")}) == MAX_VARIANTS + 1
