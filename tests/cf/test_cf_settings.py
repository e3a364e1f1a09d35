"""Settings of cf that exclude each other, or name models which do not exist, are refused before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from cartograph.cf.settings import AlsSettings, CfSettings, EaseSettings, ItemToItemSettings, TuningSettings


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"engine": "native", "nonnegative": True}, "nonnegative factors need engine=mllib"),
        ({"device": "cuda"}, "device=cuda needs engine=native and solver=cg"),
        ({"engine": "native", "device": "cuda", "solver": "cholesky"}, "device=cuda needs engine=native and solver=cg"),
        ({"frequency_power": 0.5}, "frequency_power other than 1 needs engine=native"),
    ],
)
def test_settings_of_als_that_exclude_each_other_are_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"als: {rule}"):
        AlsSettings.model_validate(settings)


def test_both_engines_take_what_they_support() -> None:
    assert AlsSettings(engine="native", device="cuda", frequency_power=0.5).device == "cuda"
    assert AlsSettings(nonnegative=True).nonnegative


@pytest.mark.parametrize("tuning", [TuningSettings(model="asl"), TuningSettings(space={"asl": {"rank": (8, 16)}})])
def test_unknown_models_are_refused_in_tuning(tuning: TuningSettings) -> None:
    with pytest.raises(ValueError, match="tuning: there is no model 'asl'; there are popularity, item_neighbours, "):
        CfSettings(tuning=tuning)


def test_a_variant_inherits_settings_with_a_default_of_its_own() -> None:
    assert (EaseSettings().recent, ItemToItemSettings().recent) == (500, 50)
    descriptions = {kind.model_fields["recent"].description for kind in (EaseSettings, ItemToItemSettings)}
    assert len(descriptions) == 1
    assert descriptions != {None}
    with pytest.raises(ValueError, match="recent"):
        EaseSettings(recent=0)
