"""Search for the settings of a model that predict a later period best from what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import optuna
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.settings import CfSettings
from cartograph.core.errors import UserError
from cartograph.core.model import Model, Silver
from cartograph.core.model_classes import model_class
from cartograph.core.statistics.metrics import mean_ndcg
from cartograph.core.views.histories import histories
from cartograph.core.views.seen import SEEN_BY, seen

Space = Mapping[str, Sequence[float]]
Record = Callable[[int, Mapping[str, Any], float], None]


@dataclass(frozen=True)
class Period:
    """A validation period: `earlier` is the training data, `users` whom to recommend to, `bought` the ground truth.

    `users` is as `core.views.histories` makes it, `bought` has user_id and product_ids: what they bought that was new
    to them.
    """

    earlier: Silver
    users: DataFrame
    bought: DataFrame

    @classmethod
    def since(cls, data: Silver, start: datetime, history: int = 500, seen_by: Sequence[str] = SEEN_BY) -> Period:
        """Cuts `data` at `start`: customers with events before, and what they bought that was new to them since."""
        at = F.lit(start)
        earlier = Silver(
            data.events.where(F.col("event_at") < at),
            data.baskets.where(F.col("ordered_at") < at),
            data.products,
            data.users,
        )
        known = earlier.events.where("user_id IS NOT NULL").select("user_id").distinct()
        later = data.events.where((F.col("event_at") >= at) & (F.col("event_type") == "purchase"))
        bought = later.select("user_id", "product_id").distinct()
        new = bought.join(seen(earlier.events, seen_by), ["user_id", "product_id"], "left_anti")
        new = new.join(known, "user_id", "left_semi")
        bought = new.groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids")).persist()
        past = histories(earlier.events, history, seen_by)
        users = past.join(bought.select("user_id"), "user_id", "left_semi").persist()
        return cls(earlier, users, bought)

    def ndcg(self, model: Model, k: int) -> float:
        """Mean NDCG@k of the model's lists over the customers who bought something new; it must have been fitted."""
        return mean_ndcg(model.recommend(self.users, k), self.bought, k)


@dataclass(frozen=True)
class Tuned:
    """The settings of a model that predicted the validation period best, and their NDCG."""

    model: str
    best: Mapping[str, Any]
    k: int
    ndcg: float

    def __str__(self) -> str:
        chosen = " ".join(f"--set cf.{self.model}.{name}={value:g}" for name, value in self.best.items())
        return f"ndcg@{self.k} {self.ndcg:.4f} with {chosen}"


def tuned(
    data: Silver, settings: CfSettings, as_of: date | None, seen_by: Sequence[str], record: Record | None = None
) -> Tuned:
    """The settings of the model `cf.tuning.model` that predict the last days before `as_of` best.

    Raises:
        ValueError: no date is given, or nobody bought anything new in these days.
        UserError: `cf.tuning.space` has no settings of that model.
    """
    tuning = settings.tuning
    if as_of is None:
        raise ValueError("cf --tune needs a date, --as-of")
    space = tuning.space.get(tuning.model)
    if not space:
        raise UserError(
            f"cf.tuning.space.{tuning.model} is empty: give settings to search, with lower and upper bounds"
        )
    start = datetime.combine(as_of - timedelta(days=tuning.days), time(), tzinfo=UTC)
    period = Period.since(data, start, settings.history, seen_by)
    best, ndcg = search(
        lambda tried: model_class("cf", tuning.model).configured(settings, **tried),
        period, space, tuning.trials, tuning.k, tuning.seed, record,
    )  # fmt: skip
    return Tuned(tuning.model, best, tuning.k, ndcg)


def search(
    model_of: Callable[[Mapping[str, Any]], Model],
    period: Period,
    space: Space,
    n_trials: int,
    k: int = 20,
    seed: int = 7,
    record: Record | None = None,
) -> tuple[dict[str, Any], float]:
    """The best settings found and their NDCG@k, by the tree-structured Parzen estimator (Bergstra et al. 2011).

    Args:
        model_of: an unfitted model with the given settings.
        period: what to learn from and what to evaluate on.
        space: lower and upper end of each setting; sampled on a logarithmic scale if the lower one is above 0, and as
            whole numbers if both are.
        n_trials: models fitted.
        k: length of the lists.
        seed: the same seed samples the same trials.
        record: called for every trial with its number, settings and NDCG@k.

    Raises:
        ValueError: nobody bought anything new in the period, so nothing can be compared.
    """
    if not period.bought.head(1):
        raise ValueError("no known customer bought a new product in the validation period: increase cf.tuning.days")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def score(trial: optuna.Trial) -> float:
        settings = {name: _sampled(trial, name, *ends) for name, ends in sorted(space.items())}
        value = period.ndcg(model_of(settings).fit(period.earlier), k)
        if record is not None:
            record(trial.number, settings, value)
        return value

    study.optimize(score, n_trials=n_trials)
    return dict(study.best_params), float(study.best_value)


def _sampled(trial: optuna.Trial, name: str, low: float, high: float) -> float:
    """The value of one setting in a trial."""
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=low > 0)
    return trial.suggest_float(name, low, high, log=low > 0)
