"""What the page's scripts make of their numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.page import evaluated

LOWER = {"models": {"lower_is_better": ["gini"]}}


def best(metric: str, **values: float) -> Any:
    models = [{"at": {5: {"value": value}}} for value in values.values()]
    expression = f"bestValues({models}, [5], direction({metric!r}))".replace("'", '"')
    return evaluated(expression, "sections/models/script.js", data=LOWER)["5"]


def test_the_best_model_has_the_most_or_the_least_as_the_metric_goes() -> None:
    assert best("ndcg", als=0.2, popularity=0.1) == 0.2
    assert best("gini", als=0.2, popularity=0.1) == 0.1
    assert best("ndcg_behind_best", als=-0.2, popularity=-0.1) == -0.1
    assert best("ndcg_behind_best_p", als=0.2, popularity=0.1) is None  # says how certain, not how good


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"value": -0.02, "low": -0.05, "high": 0.01}], [-0.05, 0.01]),  # differences from the best
        ([{"value": 0.02, "low": 0.01, "high": 0.05}], [0, 0.05]),
        ([{"value": 0.3, "low": None, "high": None}], [0, 0.3]),
    ],
)
def test_a_plot_reaches_from_the_least_to_the_most_drawn(rows: list[dict[str, Any]], expected: list[float]) -> None:
    assert (
        evaluated(f"valueRange({rows})".replace("None", "null").replace("'", '"'), "sections/models/script.js")
        == expected
    )


def test_weeks_without_all_their_days_are_dashed_and_explained() -> None:
    weeks = [{"n_days": n} for n in (5, 7, 7, 3)]
    assert evaluated("wholeWeeks(data.weeks)", "sections/sales/script.js", data={"weeks": weeks}) == [1, 2]
    note = evaluated("salesNote(data.weeks)", "sections/sales/script.js", data={"weeks": weeks})
    assert note == "Dashed: the first week has 5 of 7 days, the last week has 3 of 7 days."
    whole = {"weeks": [{"n_days": 7}] * 3}
    assert evaluated("[wholeWeeks(data.weeks), salesNote(data.weeks)]", "sections/sales/script.js", data=whole) == [
        [0, 2],
        "",
    ]
    assert evaluated("wholeWeeks(data.weeks)", "sections/sales/script.js", data={"weeks": [{"n_days": 2}]}) == [0, -1]


def test_an_axis_has_ticks_also_between_two_powers() -> None:
    assert len(evaluated("logTicks(0.0049, 0.0097)", "page/charts.js")) >= 3
    assert evaluated("logTicks(1, 1000)", "page/charts.js") == [1, 10, 100, 1000]


def test_names_that_would_cover_another_one_are_left_out() -> None:
    names = [{"x": x, "y": y, "anchor": "start", "text": "a lamp"} for x, y in ((0, 0), (20, 5), (60, 0), (0, 40))]
    assert evaluated("fitting(data.names)", "page/charts.js", data={"names": names}) == [True, False, True, True]
