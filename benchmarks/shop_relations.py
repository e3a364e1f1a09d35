"""Writes the demo shop for `benchmarks.relations` and `.repurchases`: interactions, truth, products, repeats (CSV).

    python -m benchmarks.shop_relations --shop build/demo/shop --to build/relations

Takes the raw files of an exported shop (`jobs/shop.py`), dirt included, and the truth planted beside them. Interactions
are views, carts and purchases; products that occur in none are left out of the truth's lists.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import pandas as pd

EVENT_TYPES = ("view", "cart", "purchase")
LINKS = {"complements": "complement_id", "substitutes": "substitute_id"}


def main() -> None:
    """Converts one shop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shop", default="build/demo/shop", help="folder of the exported shop")
    parser.add_argument("--to", default="build/relations", help="folder to write to")
    options = parser.parse_args()
    target = Path(options.to)
    target.mkdir(parents=True, exist_ok=True)
    events = interactions_of(Path(options.shop))
    events.to_csv(target / "interactions.csv.gz", index=False)
    truth_of(Path(options.shop), set(events["item_id"])).to_csv(target / "truth.csv", index=False)
    products_of(Path(options.shop)).to_csv(target / "products.csv", index=False)
    repeats_of(Path(options.shop)).to_csv(target / "repeats.csv", index=False)
    print(f"{len(events):,} interactions: {target}")


def interactions_of(shop: Path) -> pd.DataFrame:
    """One row per event of a known customer: user_id, item_id, time (unix seconds), event_type."""
    rows = []
    for file in sorted((shop / "events").glob("part-*.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines if line.rstrip().endswith("}")]
    events = pd.DataFrame(rows).drop_duplicates("event_id")
    at = pd.to_datetime(events["event_at"], format="%Y-%m-%d %H:%M:%S", errors="coerce", utc=True)
    events = events.assign(time=(at - pd.Timestamp(0, tz="UTC")).dt.total_seconds())
    known = events[events["event_type"].isin(EVENT_TYPES) & events["product_id"].str.fullmatch(r"P\d+", na=False)]
    known = known.dropna(subset=["user_id", "time"]).astype({"time": int})
    return known.rename(columns={"product_id": "item_id"})[["user_id", "item_id", "time", "event_type"]]


def truth_of(shop: Path, items: set[str]) -> pd.DataFrame:
    """One row per item with a planted link: item_id, complements, substitutes."""
    lists = {}
    for name, column in LINKS.items():
        links = pd.read_parquet(shop / "truth" / name)
        links = links[links["product_id"].isin(items) & links[column].isin(items)]
        lists[name] = links.groupby("product_id")[column].agg(lambda ids: f"[{', '.join(sorted(ids))}]")
    return pd.DataFrame(lists).fillna("[]").rename_axis("item_id").reset_index()


def products_of(shop: Path) -> pd.DataFrame:
    """One row per product: item_id, title, brand, category."""
    rows = []
    for file in sorted((shop / "products").glob("part-*.json")):
        rows += [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    attributes = pd.DataFrame(rows).sort_values("seen_at").drop_duplicates("product_id", keep="last")
    return attributes.rename(columns={"product_id": "item_id"})[["item_id", "title", "brand", "category"]]


def repeats_of(shop: Path) -> pd.DataFrame:
    """One row per product that is bought again by the calendar: item_id, days."""
    rows = pd.read_parquet(shop / "truth" / "repeats")
    return rows.rename(columns={"product_id": "item_id", "rhythm_days": "days"})[["item_id", "days"]]


if __name__ == "__main__":
    main()
