"""Tables of results, most of them with one partition per day: gold."""

from __future__ import annotations

from cartograph.core.tables.definition import defined_table as _table

_RULE_MEASURES = (
    "support double, confidence double, lift double, leverage double, leverage_baskets double, conviction double, "
    "zhang double, kulczynski double, imbalance double, jaccard double, cosine double, all_confidence double, "
    "certainty double, added_value double, npmi double, log_likelihood double, shrunk_lift double, hyper_lift double, "
    "hyper_confidence double"
)
_RULE_TESTS = (
    "p_value double, q_value double, p_layered double, p_productive double, improvement double, is_closed boolean, "
    "is_maximal boolean, is_redundant boolean, is_productive boolean, is_significant boolean, "
    "holdout_baskets long, holdout_confidence double, holdout_lift double, "
    "trend string, trend_per_year double, trend_q double, peak_month int, season_q double"
)
_RANK = ("rank_from_one", "rank >= 1")

GOLD = (
    _table(
        "gold.relations",
        "Relations between products, with the evidence (counts) as JSON; a repeat is a product with itself.",
        "as_of date, src string, dst string, relation string, score double, evidence string",
        key="as_of src dst",
        partition="as_of",
        required="relation score evidence",
        checks=(("known_relation", "relation IN ('complement', 'substitute', 'variant', 'repeat')"),),
    ),
    _table(
        "gold.bundles",
        "Bundles of three or four products that are all bought with each other: n_orders with all of them, n_outside "
        "with all but one; lift over what independent purchases would give.",
        "as_of date, product_ids strings, n_products int, n_orders long, n_outside long, lift double",
        key="as_of product_ids",
        partition="as_of",
        required="n_products n_orders lift",
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
        "Association rules antecedent => consequent with their measures and significance tests; the holdout columns "
        "are filled in once their period is over.",
        "as_of date, antecedent strings, consequent strings, n_baskets long, n_antecedent long, n_consequent long, "
        f"n_users long, {_RULE_MEASURES}, {_RULE_TESTS}",
        key="as_of antecedent consequent",
        partition="as_of",
        required="n_baskets support confidence lift",
        checks=(("confidence_is_a_share", "confidence > 0 AND confidence <= 1"),),
    ),
    _table(
        "gold.generalised_rules",
        "Rules between products, brands (brand:…) and categories (category:…); interest is how many times more often "
        "a rule holds than the rules of its groups predict, p_value the probability of that many baskets or more "
        "under this prediction, q_value the same adjusted for the number of pairs tested.",
        "as_of date, antecedent string, consequent string, antecedent_level string, consequent_level string, "
        "n_baskets long, support double, confidence double, lift double, interest double, p_value double, "
        "q_value double",
        key="as_of antecedent consequent",
        partition="as_of",
        required="antecedent_level consequent_level n_baskets support confidence lift",
    ),
    _table(
        "gold.inferred_rules",
        "Rules for products too rare to have any of their own, taken from the most similar products (inferred_from).",
        "as_of date, product_id string, associated_product_id string, score double, similarity double, "
        "inferred_from strings",
        key="as_of product_id associated_product_id",
        partition="as_of",
        required="score similarity inferred_from",
        checks=(("not_itself", "product_id <> associated_product_id"),),
    ),
    _table(
        "gold.high_utility_itemsets",
        "Itemsets of the highest revenue: utility is quantity times price of their products in the baskets that "
        "contain all of them.",
        "as_of date, itemset strings, n_items int, n_baskets long, utility double",
        key="as_of itemset",
        partition="as_of",
        required="n_items n_baskets utility",
    ),
    _table(
        "gold.associations",
        "Per model and product: the k products most strongly associated with it, best first.",
        "as_of date, model string, product_id string, rank int, associated_product_id string, score double",
        key="as_of model product_id rank",
        partition="as_of model",
        required="associated_product_id score",
        checks=(_RANK, ("not_itself", "product_id <> associated_product_id")),
    ),
    _table(
        "gold.candidates",
        "Per model and customer: the k products that the model would recommend, best first.",
        "as_of date, model string, user_id string, rank int, product_id string, score double",
        key="as_of model user_id rank",
        partition="as_of model",
        required="product_id score",
        checks=(_RANK,),
    ),
    _table(
        "gold.user_vectors",
        "Per sequence model and customer: the embedding of the history, the mean of the vectors of its events.",
        "as_of date, model string, user_id string, vector vector",
        key="as_of model user_id",
        partition="as_of model",
        required="vector",
    ),
    _table(
        "gold.attributions",
        "Per neural network, customer and recommended product: how much the score falls without each product of the "
        "history.",
        "as_of date, model string, user_id string, product_id string, parts numbers",
        key="as_of model user_id product_id",
        partition="as_of model",
        required="parts",
    ),
    _table(
        "gold.repurchases",
        "Per customer and product bought: number of purchases, typical interval, expected day of the next purchase, "
        "and the probability of one within sequence.repurchases.horizon_days from as_of.",
        "as_of date, user_id string, product_id string, n_purchases int, last_on date, interval_days double, "
        "expected_on date, probability double",
        key="as_of user_id product_id",
        partition="as_of",
        required="n_purchases last_on interval_days expected_on probability",
        checks=(("probability_is_one", "probability >= 0 AND probability <= 1"),),
    ),
    _table(
        "gold.factors",
        "Latent factors of each model for customers and products, the day of the full fit that they go back to "
        "(as_of, unless refreshed since), and the version of silver.events that was read.",
        "as_of date, model string, side string, id string, vector vector, fitted_as_of date, events_version long",
        key="as_of model side id",
        partition="as_of model",
        required="vector fitted_as_of events_version",
        checks=(("known_side", "side IN ('user', 'product')"),),
    ),
    _table(
        "gold.related_products",
        "The result per product: ranked related products of each relation, with the reason (why). score is relative "
        "to the first of the same list, which has 1.",
        "as_of date, product_id string, relation string, rank int, associated_product_id string, score double, "
        "why string",
        key="as_of product_id relation rank",
        partition="as_of",
        required="associated_product_id score why",
        checks=(_RANK, ("not_itself", "product_id <> associated_product_id")),
    ),
    _table(
        "gold.recommendations",
        "The result per customer: ranked products, the models that voted for them, the reason (why), and the score's "
        "composition: evidence is JSON whose parts (votes of models, or contributions of features) sum to the score. "
        "score is relative to the first of the same list, which has 1; products that no model scored have 0. It is "
        "comparable within a list, not between customers or days.",
        "as_of date, user_id string, rank int, product_id string, score double, models strings, why string, "
        "evidence string",
        key="as_of user_id rank",
        partition="as_of",
        required="product_id score models why evidence",
        checks=(_RANK,),
    ),
    _table(
        "gold.fusion",
        "How the lists of as_of were fused: the method and the reason for it, the earlier day it was learned from, "
        "the NDCG of each method on n_judges holdout customers, the interval of its improvement over reciprocal rank "
        "fusion (low and high by method), the trees of the ranker as JSON.",
        "as_of date, method string, reason string, learned_from date, n_judges long, ndcg numbers, low numbers, "
        "high numbers, features strings, trees string",
        key="as_of",
        partition="as_of",
        required="method",
        checks=(("known_method", "method IN ('rrf', 'calibrated', 'learned')"),),
    ),
    _table(
        "gold.evaluation",
        "Metrics of each model's lists of as_of, evaluated on the events of the horizon after it, with confidence "
        "intervals (low, high).",
        "as_of date, model string, slice string, metric string, k int, value double, low double, high double, "
        "n_users long",
        key="as_of model slice metric k",
        partition="as_of",
        required="value n_users",
    ),
    _table(
        "gold.audit",
        "Per table and check: the number of rows of as_of checked, the number of leaks (rows with something not known "
        "before that day), and one of them in words.",
        "as_of date, table string, check string, n_checked long, n_leaked long, example string",
        key="as_of table check",
        partition="as_of",
        required="n_checked n_leaked",
    ),
    _table(
        "gold.promotions",
        "Per challenger: its metric on the lists of as_of compared with the champion's, and whether to promote it.",
        "as_of date, champion string, challenger string, metric string, k int, slice string, n_users long, "
        "champion_value double, value double, difference double, low double, high double, p_value double, "
        "decision string, reasons strings",
        key="as_of challenger",
        partition="as_of",
        required="champion metric k slice n_users decision reasons",
        checks=(("known_decision", "decision IN ('promote', 'keep', 'not_enough')"),),
    ),
    _table(
        "gold.hidden",
        "Candidates that a business rule kept out of recommendations, and the rule: blocklist, not_listed (no "
        "catalogue lists it any more), stock, margin, price_band or quota. rank is the one among all candidates, "
        "score is relative to the best product shown.",
        "as_of date, user_id string, product_id string, rank int, score double, hidden_by string",
        key="as_of user_id product_id",
        partition="as_of",
        required="rank score hidden_by",
    ),
    _table(
        "gold.hidden_related",
        "Products that a business rule kept out of lists of related products, and the rule: blocklist, not_listed, "
        "stock or margin. rank and score as in gold.hidden.",
        "as_of date, product_id string, relation string, associated_product_id string, rank int, score double, "
        "hidden_by string",
        key="as_of product_id relation associated_product_id",
        partition="as_of",
        required="rank score hidden_by",
    ),
    _table(
        "gold.exposures",
        "Lists that were shown in an experiment, as the shop logs them. teams: whose product each is, where two arms' "
        "lists were interleaved; propensities: the probability of each product at its rank, where it was sampled.",
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
        "Per experiment, arm and metric: the difference from the control with the confidence interval of one look "
        "(low, high) and of any number of looks (always_low, always_high), and the decision about the arm.",
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
        "Off-policy estimates of the reward per place that a model's lists of as_of would have earned, from lists "
        "shown since with known propensities.",
        "as_of date, model string, estimator string, value double, low double, high double, n_users long, "
        "n_decisions long, effective_n double, largest_weight double",
        key="as_of model estimator",
        partition="as_of",
        required="n_users n_decisions effective_n",
        checks=(("known_estimator", "estimator IN ('ips', 'snips', 'dr')"),),
    ),
)
