"""Who is promoted, who is not, and why: simulated customers, and the job's own table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.evaluate.promotion import PromotionDecision, decided
from cartograph.evaluate.settings import EvaluateSettings, PromotionSettings
from tests.small_lake import EARLIER, evaluated_shop

N_BUCKETS = 100
RULE = PromotionSettings(challengers=("als",), guardrails={"coverage": 0.1, "novelty": 0.05}, min_users=500)
EXPOSURE = {("fused", "coverage"): 0.5, ("als", "coverage"): 0.48, ("bpr", "coverage"): 0.5}


def bucket_sums(
    gains: dict[str, float], novelty: dict[str, float] | None = None, n: int = 1000, seed: int = 1
) -> pd.DataFrame:
    """Bucket sums of `n` customers: ndcg of the champion plus each model's gain and noise; novelty about 5 bits."""
    draw = np.random.default_rng(seed)
    taste, bucket = draw.beta(1, 4, n), np.arange(n) % N_BUCKETS
    parts = []
    for model, gain in ({"fused": 0.0} | gains).items():
        noise = 0.0 if model == "fused" else draw.normal(0, 0.05, n)
        bits = draw.normal((novelty or {}).get(model, 5.0), 0.3, n)
        rows = pd.DataFrame({"bucket": bucket, "sum ndcg@10": taste + gain + noise, "sum novelty@10": bits})
        parts.append(rows.groupby("bucket", as_index=False).sum().assign(model=model))
    found = pd.concat(parts, ignore_index=True)
    return found.assign(**{"n ndcg@10": n / N_BUCKETS, "n novelty@10": n / N_BUCKETS})


def changed(**settings: Any) -> PromotionSettings:
    return PromotionSettings(**(RULE.model_dump() | settings))


def decisions(
    sums: pd.DataFrame, rule: PromotionSettings, exposure: dict[tuple[str, str], float]
) -> dict[str, PromotionDecision]:
    settings = EvaluateSettings(n_buckets=N_BUCKETS, n_resamples=300, seed=3, promotion=rule)
    return {each.challenger: each for each in decided(sums, exposure, settings)}


def simulated(
    rule: PromotionSettings = RULE, exposure: dict[tuple[str, str], float] = EXPOSURE, **customers: Any
) -> dict[str, PromotionDecision]:
    return decisions(bucket_sums(**customers), rule, exposure)


def test_a_challenger_that_is_clearly_better_is_promoted() -> None:
    found = simulated(gains={"als": 0.02})["als"]
    assert found.decision == "promote"
    assert found.low is not None
    assert 0 < found.low < 0.02 < found.high  # type: ignore[operator]
    assert found.difference == pytest.approx(0.02, abs=0.006)
    assert found.difference == pytest.approx(found.value - found.champion_value)  # type: ignore[operator]


def test_where_less_is_better_the_lower_challenger_is_promoted() -> None:
    sums = bucket_sums({"als": 0.02, "bpr": -0.02}).rename(columns=lambda name: name.replace("ndcg", "calibration"))
    rule = changed(metric="calibration", challengers=["als", "bpr"], guardrails={})
    found = decisions(sums, rule, {})
    assert (found["bpr"].decision, found["als"].decision) == ("promote", "keep")
    assert found["bpr"].difference > 0 > found["als"].difference  # type: ignore[operator]


def test_an_equally_good_challenger_is_not_promoted() -> None:
    found = simulated(gains={"als": 0.0})["als"]
    assert found.decision == "keep"
    assert found.reasons[0].endswith("not significantly above 0")


def test_a_gain_below_the_minimum_is_not_enough() -> None:
    assert simulated(changed(min_gain=0.02), gains={"als": 0.02})["als"].decision == "keep"


def test_a_better_challenger_that_lists_fewer_products_is_not_promoted_and_the_reason_is_given() -> None:
    found = simulated(exposure=EXPOSURE | {("als", "coverage"): 0.3}, gains={"als": 0.02})["als"]
    assert found.decision == "keep"
    assert found.reasons[1:] == ["coverage@10 is harmed: 0.3000 instead of 0.5000, where a loss of 10.0% is tolerated"]


def test_for_a_guardrail_that_is_a_mean_losses_must_be_ruled_out() -> None:
    [reason] = simulated(gains={"als": 0.02}, novelty={"als": 4.6})["als"].reasons[1:]
    assert reason.startswith("novelty@10 is harmed: 4.6")
    [reason] = simulated(gains={"als": 0.02}, novelty={"als": 4.76})["als"].reasons[1:]
    assert "harmed" in reason


def test_too_few_customers_decide_nothing() -> None:
    found = simulated(gains={"als": 0.1}, n=400)["als"]
    assert (found.decision, found.reasons) == ("not_enough", ["400 customers are fewer than 500"])


def test_of_two_that_are_better_one_is_promoted() -> None:
    found = simulated(changed(challengers=["als", "bpr"]), gains={"als": 0.02, "bpr": 0.04})
    assert (found["bpr"].decision, found["als"].decision) == ("promote", "keep")
    assert found["als"].reasons[-1] == "bpr gains more"


def test_more_challengers_are_tested_more_strictly() -> None:
    alone = simulated(gains={"als": 0.02, "bpr": 0.001})["als"]
    beside = simulated(changed(challengers=["als", "bpr"]), gains={"als": 0.02, "bpr": 0.001})["als"]
    assert beside.low < alone.low  # type: ignore[operator]


def test_nobody_is_promoted_with_a_p_value_above_the_level() -> None:
    rule = changed(challengers=["als", "bpr"], guardrails={})
    seen = []
    for seed in range(40):  # both gain about 2.1 standard errors: alone they would often pass, together seldom
        for each in decisions(bucket_sums({"als": 0.0034, "bpr": 0.0034}, seed=seed), rule, {}).values():
            seen.append((each.decision == "promote" or each.reasons[-1].endswith("gains more"), each.p_value))
    assert all(p <= 0.05 for promoted, p in seen if promoted)
    assert any(promoted for promoted, _ in seen)
    assert any(0.05 < p < 0.1 for promoted, p in seen if not promoted)


def test_five_equally_good_challengers_are_hardly_ever_promoted() -> None:
    names = [f"m{n}" for n in range(5)]
    rule = changed(challengers=names, guardrails={})
    promoted = 0
    for seed in range(60):
        sums = bucket_sums(dict.fromkeys(names, 0.0), seed=seed)
        promoted += any(each.decision == "promote" for each in decisions(sums, rule, {}).values())
    assert promoted <= 6


def test_a_model_without_lists_is_reported_and_an_unknown_metric_is_refused() -> None:
    found = simulated(changed(challengers=["als", "gru"]), gains={"als": 0.02})["gru"]
    assert (found.decision, found.reasons) == ("not_enough", ["gru and fused do not both have lists for that day"])
    with pytest.raises(UserError, match="mrr at 10 is not measured; metrics are ndcg, novelty, at 10"):
        simulated(changed(metric="mrr"), gains={"als": 0.02})
    with pytest.raises(UserError, match="guardrails: beauty is not measured"):
        simulated(changed(guardrails={"beauty": 0.1}), gains={"als": 0.02})


def test_the_job_writes_what_it_decided(spark: SparkSession) -> None:
    tables = evaluated_shop(spark).tables
    rows = {row.challenger: row for row in tables.read("gold.promotions", EARLIER).collect()}
    values = tables.read("gold.evaluation", EARLIER).where("slice = 'all' and metric = 'ndcg' and k = 10").collect()
    ndcg = {row.model: row.value for row in values}
    assert rows["als"].difference == pytest.approx(ndcg["als"] - ndcg["fused"], abs=1e-9)
    assert rows["als"].decision in {"promote", "keep"}
    assert rows["absent"].decision == "not_enough"
