"""Every table of the lake: columns, types, key, partitions and checks.

Writes are checked against these definitions; nothing else in the project spells out a table's columns.
"""

from __future__ import annotations

from pyspark.sql import types as T

from cartograph.core.serving_tables import SERVING_TABLES
from cartograph.core.table import Table as Table  # re-exported: whoever knows the tables knows what one is
from cartograph.core.table import defined_table as _table

EVENT_TYPES = ("view", "cart", "purchase", "rating", "return")
RELATIONS = ("complement", "substitute", "variant", "repeat")

_RAW_EVENT = (
    "event_id string, user_id string, product_id string, event_type string, order_id string, session_id string, "
    "quantity string, unit_price string, rating string, event_at string, title string"
)
_RULE_MEASURES = (
    "support double, confidence double, lift double, leverage double, leverage_baskets double, conviction double, "
    "zhang double, kulczynski double, imbalance double, jaccard double, cosine double, all_confidence double, "
    "certainty double, added_value double, npmi double, log_likelihood double, shrunk_lift double, hyper_lift double, "
    "hyper_confidence double"
)
_RULE_JUDGEMENTS = (
    "p_value double, q_value double, p_layered double, p_productive double, improvement double, is_closed boolean, "
    "is_maximal boolean, is_redundant boolean, is_productive boolean, is_significant boolean, "
    "holdout_baskets long, holdout_confidence double, holdout_lift double, "
    "trend string, trend_per_year double, trend_q double, peak_month int, season_q double"
)
_RANK = ("rank_from_one", "rank >= 1")

_ALL = (
    _table(
        "bronze.events",
        "Raw events as they arrived, one row a line, every value still text.",
        f"source string, batch_id string, source_file string, row_id string, {_RAW_EVENT}",
        key="row_id",
        required="source batch_id",
    ),
    _table(
        "bronze.products",
        "Raw product facts as they arrived; the newest fact of a product wins in silver.",
        "source string, batch_id string, source_file string, row_id string, product_id string, title string, "
        "description string, category string, brand string, price string, stock string, attributes attributes, "
        "seen_at string, n_seen string",
        key="row_id",
        required="source batch_id",
    ),
    _table(
        "bronze.users",
        "Raw customer facts as they arrived.",
        "source string, batch_id string, source_file string, row_id string, user_id string, region string, "
        "age_band string, seen_at string",
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
        "One row per batch, the content of one file (or the new rows of a table): what was read and where it went.",
        "source string, batch_id string, target string, source_file string, n_read long, n_kept long, "
        "n_quarantined long",
        key="batch_id",
        required="source target",
    ),
    _table(
        "silver.events",
        "Clean, typed, de-duplicated events under pseudonymous customers; user_id is null for guests. The order_id of "
        "a return is its own document, returned_order_id the order that it takes back, where that is known.",
        "event_id string, user_id string, product_id string, event_type string, order_id string, session_id string, "
        "quantity int, unit_price double, rating double, event_at timestamp, event_on date, "
        "returned_order_id string, source string, batch_id string",
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
        "One row per product with normalised text and its latest known facts.",
        "product_id string, title string, description string, category strings, brand string, price double, "
        "stock long, attributes attributes, first_seen_at timestamp",
        key="product_id",
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
        "Per batch: rows in = kept + quarantined + duplicates.",
        "batch_id string, source string, n_in long, n_kept long, n_quarantined long, n_duplicates long",
        key="batch_id",
        checks=(("nothing_lost", "n_in = n_kept + n_quarantined + n_duplicates"),),
    ),
    _table(
        "silver.product_graph",
        "Edges between products: what was counted of both, how far beyond chance, and which of them came first.",
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
        "The place of each product in the graph; columns of analytics that were not asked for are null.",
        "as_of date, product_id string, community_id string, component_id string, pagerank double, core int, "
        "n_triangles long, hub_id string, hub_distance int",
        key="as_of product_id",
        partition="as_of",
    ),
    _table(
        "gold.relations",
        "What two products are to each other, with the counts that say so as JSON; a repeat is a product with itself.",
        "as_of date, src string, dst string, relation string, score double, evidence string",
        key="as_of src dst",
        partition="as_of",
        required="relation score evidence",
        checks=(("known_relation", "relation IN ('complement', 'substitute', 'variant', 'repeat')"),),
    ),
    _table(
        "gold.itemsets",
        "Frequent itemsets of the baskets before as_of.",
        "as_of date, itemset strings, n_items int, n_baskets long, support double",
        key="as_of itemset",
        partition="as_of",
        required="n_items n_baskets support",
        checks=(("support_is_a_share", "support > 0 AND support <= 1"),),
    ),
    _table(
        "gold.rules",
        "Association rules antecedent => consequent with their measures and what speaks for and against them; the "
        "holdout columns are filled in once the period that they speak of is over.",
        "as_of date, antecedent strings, consequent strings, n_baskets long, n_antecedent long, n_consequent long, "
        f"n_users long, {_RULE_MEASURES}, {_RULE_JUDGEMENTS}",
        key="as_of antecedent consequent",
        partition="as_of",
        required="n_baskets support confidence lift",
        checks=(("confidence_is_a_share", "confidence > 0 AND confidence <= 1"),),
    ),
    _table(
        "gold.generalised_rules",
        "Rules between products, brands (brand:…) and categories (category:…); interest is how many times more often "
        "a rule holds than the rules of its groups make expect.",
        "as_of date, antecedent string, consequent string, antecedent_level string, consequent_level string, "
        "n_baskets long, support double, confidence double, lift double, interest double",
        key="as_of antecedent consequent",
        partition="as_of",
        required="antecedent_level consequent_level n_baskets support confidence lift",
    ),
    _table(
        "gold.inferred_rules",
        "Rules of products too rare to have any, taken from the products most like them (inferred_from).",
        "as_of date, product_id string, associated_product_id string, score double, similarity double, "
        "inferred_from strings",
        key="as_of product_id associated_product_id",
        partition="as_of",
        required="score similarity inferred_from",
        checks=(("not_itself", "product_id <> associated_product_id"),),
    ),
    _table(
        "gold.high_utility_itemsets",
        "Itemsets that bring in most together: utility is quantity times price of their products in the baskets that "
        "hold them all.",
        "as_of date, itemset strings, n_items int, n_baskets long, utility double",
        key="as_of itemset",
        partition="as_of",
        required="n_items n_baskets utility",
    ),
    _table(
        "gold.associations",
        "Per model and product: its k nearest products, best first.",
        "as_of date, model string, product_id string, rank int, associated_product_id string, score double",
        key="as_of model product_id rank",
        partition="as_of model",
        required="associated_product_id score",
        checks=(_RANK, ("not_itself", "product_id <> associated_product_id")),
    ),
    _table(
        "gold.candidates",
        "Per model and customer: the k products it would show, best first.",
        "as_of date, model string, user_id string, rank int, product_id string, score double",
        key="as_of model user_id rank",
        partition="as_of model",
        required="product_id score",
        checks=(_RANK,),
    ),
    _table(
        "gold.factors",
        "Per model, customer and product: its factor, the day of the fit that it goes back to (as_of, unless it was "
        "refreshed since), and the version of silver.events that was read.",
        "as_of date, model string, side string, id string, vector vector, fitted_as_of date, events_version long",
        key="as_of model side id",
        partition="as_of model",
        required="vector fitted_as_of events_version",
        checks=(("known_side", "side IN ('user', 'product')"),),
    ),
    _table(
        "gold.related_products",
        "The result per product: ranked related products of each relation, with the evidence.",
        "as_of date, product_id string, relation string, rank int, associated_product_id string, score double, "
        "why string",
        key="as_of product_id relation rank",
        partition="as_of",
        required="associated_product_id score why",
        checks=(_RANK, ("not_itself", "product_id <> associated_product_id")),
    ),
    _table(
        "gold.recommendations",
        "The result per customer: ranked products, the models that voted for them, and the evidence.",
        "as_of date, user_id string, rank int, product_id string, score double, models strings, why string",
        key="as_of user_id rank",
        partition="as_of",
        required="product_id score models why",
        checks=(_RANK,),
    ),
    _table(
        "gold.evaluation",
        "Metrics of each model's lists at as_of against what customers did in the horizon after it.",
        "as_of date, model string, slice string, metric string, k int, value double, low double, high double, "
        "n_users long",
        key="as_of model slice metric k",
        partition="as_of",
        required="value n_users",
    ),
)

TABLES = {table.name: table for table in (*_ALL, *SERVING_TABLES)}


def table(name: str) -> Table:
    """The definition of table `name`.

    Raises:
        KeyError: there is no such table; the message lists those there are.
    """
    if name not in TABLES:
        raise KeyError(f"no table {name!r}; the tables are {', '.join(sorted(TABLES))}")
    return TABLES[name]


def columns_of(name: str) -> list[str]:
    """Column names of table `name`, in order."""
    return table(name).columns.names


def differences(actual: T.StructType, expected: T.StructType) -> list[str]:
    """Every way in which `actual` differs from `expected`, in plain words; empty when it fits.

    Column order and nullability are not compared: order is restored on write, and nulls are refused by the
    table's own NOT NULL constraints.
    """
    found = {field.name: field.dataType for field in actual}
    wanted = {field.name: field.dataType for field in expected}
    missing = [f"column {name} ({wanted[name].simpleString()}) is missing" for name in wanted if name not in found]
    unknown = [
        f"column {name} ({found[name].simpleString()}) is not in the table" for name in found if name not in wanted
    ]
    retyped = [
        f"column {name} is {found[name].simpleString()}, the table has {wanted[name].simpleString()}"
        for name in wanted
        if name in found and found[name].simpleString() != wanted[name].simpleString()
    ]
    return missing + unknown + retyped
