"""Purchase sequences: what a customer buys next, by networks that read histories in their order.

Reads the silver tables; writes the partition of each model of `sequence.models` in gold.candidates (per customer) and
gold.associations (per product), of networks gold.user_vectors, gold.attributions (what of the history a score comes
from) and the weights beside the tables; and, if `sequence.repurchases` is enabled, gold.repurchases: when customers
will buy what they bought again.

Deliberately not done here: judging the models (`evaluate`) and mixing them (`rank`). Without models and repurchases the
step does nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Model, Silver
from cartograph.core.views.histories import active, histories
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.sequence.attribution import attributions
from cartograph.sequence.first_order import FirstOrder
from cartograph.sequence.gru import Gru
from cartograph.sequence.lstm import Lstm
from cartograph.sequence.model import SequenceModel
from cartograph.sequence.next_basket import NextBasket
from cartograph.sequence.repurchases import Rhythm, repurchases
from cartograph.sequence.settings import SequenceSettings
from cartograph.sequence.transformer import Transformer

MODELS: dict[str, Any] = {
    "first_order": FirstOrder, "next_basket": NextBasket, "lstm": Lstm, "gru": Gru, "transformer": Transformer,
}  # fmt: skip


def run(job: Job) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    settings: SequenceSettings = job.settings
    assert job.as_of is not None
    data = job.silver()
    if settings.repurchases.enabled:
        rhythm = Rhythm(**settings.repurchases.model_dump(exclude={"enabled"}))
        job.replace("gold.repurchases", repurchases(data.events, job.as_of, rhythm))
    if not settings.models:
        job.progress.say("sequence.models names none: nothing is fitted")
        return
    past = histories(data.events, settings.history, job.config.seen.masked_by)
    users = active(past, job.as_of, settings.active_days).persist()
    n_customers = users.count()
    job.metric("n_customers", n_customers)
    if not n_customers:
        job.progress.say(f"no customer is known before {job.as_of}: there is nobody to make lists for")
    for name in settings.models:
        write_model(job, configured(name, settings), data, users)
    users.unpersist()


def write_model(job: Job, model: Model, data: Silver, users: DataFrame) -> None:
    """Fits a model and writes its lists, of a network also its weights and what it says of customers."""
    settings: SequenceSettings = job.settings
    if isinstance(model, SequenceModel):
        model.record = partial(job.epoch, model.name)
    if isinstance(model, NextBasket):
        model.as_of = job.as_of
    is_fitted = job.fitted(model, data)
    if is_fitted:
        job.write_lists(model.name, model.recommend(users, settings.k), model.associate(settings.k))
    if not isinstance(model, SequenceModel):
        return
    vectors, parts = job.nothing("gold.user_vectors"), job.nothing("gold.attributions")
    if is_fitted and model.weights_ is not None:
        model.weights_.save(job.spark, f"{job.tables.root}/_weights/{model.name}/{job.as_of}")
        vectors = model.user_vectors(users)
        listed = job.read("gold.candidates", model=model.name).where(F.col("rank") <= settings.attributed_places)
        parts = attributions(model, users, listed, settings.attributed_products)
    if settings.customer_vectors:
        job.replace("gold.user_vectors", vectors, model=model.name)
    if settings.attributed_products:
        job.replace("gold.attributions", parts, model=model.name)


def configured(name: str, settings: SequenceSettings) -> Model:
    """The model of that name with its settings."""
    own = getattr(settings, name).model_dump()
    if name == "next_basket":
        return NextBasket(**own)
    shared = {} if name == "first_order" else settings.training.model_dump()
    model: Model = MODELS[name](**shared, **own, event_types=settings.event_types)
    return model


if __name__ == "__main__":
    main("sequence", run, __doc__)
