"""Tables of what was shown to whom, what was not, and what came of it. Listed with all others in `schema`."""

from __future__ import annotations

from cartograph.core.tables.definition import defined_table as _table

SERVING_TABLES = (
    _table(
        "gold.hidden",
        "Candidates that would have been recommended but for a rule of the shop, and the rule: blocklist, not_listed "
        "(no catalogue lists it any more), stock, margin, price_band or quota. rank is that among all candidates, "
        "score a share of that of the best product shown.",
        "as_of date, user_id string, product_id string, rank int, score double, hidden_by string",
        key="as_of user_id product_id",
        partition="as_of",
        required="rank score hidden_by",
    ),
    _table(
        "gold.hidden_related",
        "Products that would have stood in a list of related products but for a rule of the shop, and the rule: "
        "blocklist, not_listed, stock or margin. rank and score as in gold.hidden.",
        "as_of date, product_id string, relation string, associated_product_id string, rank int, score double, "
        "hidden_by string",
        key="as_of product_id relation associated_product_id",
        partition="as_of",
        required="rank score hidden_by",
    ),
    _table(
        "gold.exposures",
        "Lists that were shown in an experiment, as the shop logs them. teams: whose product each is, where two arms' "
        "lists were interleaved; propensities: the chance each product had to stand in its place, where it was drawn.",
        "exposure_id string, experiment string, user_id string, arm string, exposed_at timestamp, product_ids strings, "
        "teams strings, propensities doubles",
        key="exposure_id",
        required="experiment arm exposed_at",
        checks=(
            ("team_of_each", "teams IS NULL OR size(teams) = size(product_ids)"),
            ("propensity_of_each", "propensities IS NULL OR size(propensities) = size(product_ids)"),
            ("propensity_is_a_chance", "propensities IS NULL OR forall(propensities, p -> p > 0 AND p <= 1)"),
        ),
    ),
    _table(
        "gold.experiments",
        "Per experiment, arm and metric: the difference from the control with the interval of one look (low, high) and "
        "of any number of looks (always_low, always_high), and what to do with the arm.",
        "as_of date, experiment string, arm string, metric string, role string, n_users long, n_control_users long, "
        "value double, control_value double, difference double, low double, high double, p_value double, "
        "always_low double, always_high double, always_p double, variance_left double, detectable double, "
        "n_needed long, sample_ratio_p double, verdict string, decision string, reasons strings",
        key="as_of experiment arm metric",
        partition="as_of",
        required="role n_users n_control_users verdict decision reasons",
        checks=(("known_decision", "decision IN ('invalid', 'stop', 'ship', 'continue')"),),
    ),
    _table(
        "gold.off_policy",
        "What a model's lists of as_of would have earned per place, from lists since that were drawn with known "
        "propensities.",
        "as_of date, model string, estimator string, value double, low double, high double, n_users long, "
        "n_decisions long, effective_n double, largest_weight double",
        key="as_of model estimator",
        partition="as_of",
        required="n_users n_decisions effective_n",
        checks=(("known_estimator", "estimator IN ('ips', 'snips', 'dr')"),),
    ),
)
