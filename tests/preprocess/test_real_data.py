"""Real order lines: what two files have in common is counted once, and every line is accounted for."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.lake import Lake

RAW = ("order_id", "product_id", "event_at", "quantity", "unit_price", "user_id")


@pytest.mark.slow
def test_the_days_that_both_sheets_of_online_retail_ii_have_are_kept_once(
    spark: SparkSession, shared_data: Path, tmp_path: Path
) -> None:
    lines = pq.read_table(shared_data / "online_retail_ii" / "online_retail_ii.parquet")
    day = pc.strftime(lines["InvoiceDate"], "%Y-%m-%d")
    lines = lines.filter(pc.and_(pc.greater_equal(day, "2010-12-01"), pc.less(day, "2010-12-08")))
    (tmp_path / "in").mkdir()
    for n, sheet in enumerate(pc.unique(lines["Sheet"])):
        pq.write_table(lines.filter(pc.equal(lines["Sheet"], sheet)), tmp_path / "in" / f"sheet{n}.parquet")
    days = lines.to_pandas()
    lake = Lake(spark, tmp_path)
    lake.ingest(lake.ship("online_retail_ii"), tmp_path / "in")
    lake.preprocess()
    events = lake.read("silver.events").toPandas()
    aside = lake.read("silver.quarantine").where("raw['event_type'] IS NOT NULL")
    ledger = lake.read("silver.ledger").agg({"n_in": "sum", "n_kept": "sum"}).collect()[0].asDict()
    n_aside = lake.read("silver.quarantine").count()
    line = [name for name in days.columns if name not in ("Sheet", "Description")]
    often = days.fillna(-1).groupby([*line, "Sheet"]).size().groupby(line).max()  # in the sheet that has it most often
    once = aside.select("raw").toPandas()["raw"].map(lambda row: tuple(row.get(n) for n in RAW)).drop_duplicates()
    assert len(days) > 2 * 0.9 * len(often)
    assert len(events) == len(often) - len(once)
    assert (often > 1).sum() > 0
    events["order"] = events.order_id.str.removeprefix("online_retail_ii:")
    signed = events.quantity.where(events.event_type == "purchase", -events.quantity)
    found = signed.groupby([events.order, events.product_id]).sum()
    lines_of = often.rename("n").reset_index()
    pieces = (lines_of.n * lines_of.Quantity).groupby([lines_of.Invoice, lines_of.StockCode.str.upper()]).sum()
    compared = pieces.index.difference([(row[0], row[1].upper()) for row in once])
    assert found.loc[compared].to_list() == pieces.loc[compared].to_list()
    assert ledger["sum(n_in)"] - ledger["sum(n_kept)"] - n_aside > 0.4 * len(days)
    assert not events.product_id.isin(["POST", "DOT", "M", "BANK CHARGES", "AMAZONFEE"]).any()
    paired = events[(events.event_type == "return") & events.returned_order_id.notna()]
    assert len(paired) > 0
    orders = events[events.event_type == "purchase"].set_index("order_id").user_id
    buyers = orders[~orders.index.duplicated()]
    assert (buyers.loc[paired.returned_order_id].to_numpy() == paired.user_id.to_numpy()).all()
