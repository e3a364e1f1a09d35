"""Tables of raw data as delivered: bronze."""

from __future__ import annotations

from cartograph.core.tables.definition import defined_table as _table

_RAW_EVENT = (
    "event_id string, user_id string, product_id string, event_type string, order_id string, session_id string, "
    "quantity string, unit_price string, rating string, event_at string, title string, store string, till string, "
    "delivery string"
)

BRONZE = (
    _table(
        "bronze.events",
        "Raw events as they arrived, one row a line, every value still text.",
        f"source string, batch_id string, source_file string, row_id string, known_until timestamp, {_RAW_EVENT}",
        key="row_id",
        required="source batch_id",
    ),
    _table(
        "bronze.products",
        "Raw product records as they arrived; the newest value of each attribute wins in silver.",
        "source string, batch_id string, source_file string, row_id string, known_until timestamp, "
        "product_id string, title string, "
        "description string, category string, brand string, price string, stock string, is_listed string, "
        "attributes attributes, seen_at string, n_seen string",
        key="row_id",
        required="source batch_id",
    ),
    _table(
        "bronze.users",
        "Raw customer records as they arrived.",
        "source string, batch_id string, source_file string, row_id string, known_until timestamp, user_id string, "
        "region string, age_band string, seen_at string",
        key="row_id",
        required="source batch_id",
    ),
    _table(
        "bronze.quarantine",
        "Lines and files that could not be read at all, with the reason.",
        "source string, batch_id string, source_file string, row_id string, reason string, raw string",
        key="row_id",
        required="source batch_id reason",
    ),
    _table(
        "bronze.batches",
        "One row per batch, the content of one file (or the new rows of a table): what was read, where it went, and "
        "under which declaration; cleaning is how preprocess reads its values (JSON: core/cleaning/declaration.py).",
        "source string, batch_id string, target string, source_file string, n_read long, n_kept long, "
        "n_quarantined long, content_id string, declaration string, cleaning string",
        key="batch_id",
        required="source target",
    ),
)
