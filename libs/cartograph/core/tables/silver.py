"""Tables of clean data, and of vectors and graphs of products: silver."""

from __future__ import annotations

from cartograph.core.tables.definition import defined_table as _table

SILVER = (
    _table(
        "silver.events",
        "Clean, typed, de-duplicated events under pseudonymous customers; user_id is null for guests. Ids of events, "
        "orders and sessions begin with their source. The order_id of a return is its own document, returned_order_id "
        "the order that it takes back, where that is known. n_lines equal lines of an order are one event, their "
        "quantities added.",
        "event_id string, user_id string, product_id string, event_type string, order_id string, session_id string, "
        "quantity double, unit_price double, rating double, event_at timestamp, event_on date, "
        "returned_order_id string, n_lines int, source string, batch_id string",
        key="event_id",
        required="product_id event_type event_at event_on",
        checks=(
            ("known_event_type", "event_type IN ('view', 'cart', 'purchase', 'rating', 'return')"),
            ("order_of_purchase", "event_type <> 'purchase' OR order_id IS NOT NULL"),
            ("positive_quantity", "quantity IS NULL OR quantity > 0"),
            ("price_not_negative", "unit_price IS NULL OR unit_price >= 0"),
        ),
    ),
    _table(
        "silver.baskets",
        "One row per order: its distinct products, sorted. Guests included.",
        "order_id string, user_id string, ordered_at timestamp, product_ids strings",
        key="order_id",
        required="ordered_at product_ids",
        checks=(("basket_not_empty", "size(product_ids) > 0"),),
    ),
    _table(
        "silver.products",
        "One row per product with normalised text and its latest known attributes.",
        "product_id string, title string, description string, category strings, brand string, price double, "
        "stock long, attributes attributes, first_seen_at timestamp",
        key="product_id",
    ),
    _table(
        "silver.listings",
        "What a source's catalogue says of a product from stated_at on until the next row: whether it lists it, and "
        "the pieces in stock (null: not known). A row per change.",
        "source string, product_id string, stated_at timestamp, is_listed boolean, stock long",
        key="source product_id stated_at",
        partition="source",
        required="is_listed",
    ),
    _table(
        "silver.users",
        "One row per pseudonymous customer.",
        "user_id string, region string, age_band string, first_seen_at timestamp, is_wholesale boolean, is_bot boolean",
        key="user_id",
        required="is_wholesale is_bot",
    ),
    _table(
        "silver.quarantine",
        "Rows set aside by preprocess: the rule that did it, the reason in words, and the row as it came.",
        "row_id string, source string, batch_id string, rule string, reason string, event_at timestamp, raw attributes",
        key="row_id",
        required="rule reason batch_id",
    ),
    _table(
        "silver.ledger",
        "Per batch: rows in = kept + merged (equal lines of an order) + quarantined + duplicates.",
        "batch_id string, source string, n_in long, n_kept long, n_merged long, n_quarantined long, n_duplicates long",
        key="batch_id",
        checks=(("nothing_lost", "n_in = n_kept + n_merged + n_quarantined + n_duplicates"),),
    ),
    _table(
        "silver.key_fingerprints",
        "A fingerprint of the key that user ids are hashed with, which detects another key and reveals none; replaces "
        "is that of the previous key while jobs/rekey.py runs.",
        "secret string, fingerprint string, replaces string",
        key="secret",
        required="fingerprint",
    ),
    _table(
        "silver.product_vectors",
        "Per model and product: its vector. source_hash identifies what it was made from (null: all products "
        "together): a product that has not changed keeps its vector.",
        "as_of date, model string, product_id string, vector vector, source_hash long",
        key="as_of model product_id",
        partition="as_of model",
        required="vector",
        checks=(("vector_not_empty", "size(vector) > 0"),),
    ),
    _table(
        "silver.word_vectors",
        "Word vectors learned on as_of from the texts of products, and the weight of each word in a text.",
        "as_of date, word string, vector vector, weight double, settings_hash long",
        key="as_of word",
        partition="as_of",
        required="vector weight settings_hash",
    ),
    _table(
        "silver.product_graph",
        "Edges between products: how often they co-occur, how significant that is, and in which order they are bought.",
        "as_of date, src string, dst string, n_orders long, n_sessions long, n_views long, lift double, npmi double, "
        "p_value double, view_lift double, view_npmi double, view_p_value double, chance double, swing double, "
        "n_followed long, n_preceded long, forward_share double, gap_days double, weight double",
        key="as_of src dst",
        partition="as_of",
        required="n_orders n_sessions n_views chance weight",
        checks=(("not_itself", "src <> dst"),),
    ),
    _table(
        "silver.communities",
        "Graph analytics of each product: community, component, centrality; those not configured are null.",
        "as_of date, product_id string, community_id string, component_id string, pagerank double, core int, "
        "n_triangles long, hub_id string, hub_distance int",
        key="as_of product_id",
        partition="as_of",
    ),
)
