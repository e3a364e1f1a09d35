"""Purchase sequences: what a customer buys next, by networks that read histories in their order.

Reads the silver tables; writes the partition of each model of `sequence.models` in gold.candidates (per customer) and
gold.associations (per product), of networks gold.user_vectors, gold.attributions (which products of the history a score
comes from) and the weights beside the tables; and, if `sequence.repurchases` is enabled, gold.repurchases: when
customers will buy again what they bought.

Not done here: evaluating the models (`evaluate`) and fusing them (`rank`). Without models and repurchases the
step does nothing.
"""

from __future__ import annotations

from cartograph.core.model_classes import configured_models
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.model_runs import fit_and_write_models
from cartograph.sequence.repurchases import repurchases
from cartograph.sequence.settings import SequenceSettings


def run(job: Job) -> None:
    """Fits each model on the rows before `job.as_of` and writes its lists."""
    settings: SequenceSettings = job.settings
    assert job.as_of is not None
    data = job.silver()
    if settings.repurchases.enabled:
        job.replace("gold.repurchases", repurchases(data.events, job.as_of, settings.repurchases))
    if not settings.models:
        job.progress.say("sequence.models is empty; skipping")
        return
    users = job.customers(data.events, settings.history, settings.active_days)
    fit_and_write_models(job, configured_models("sequence", settings), data, users, settings.k)
    users.unpersist()


if __name__ == "__main__":
    main("sequence", run, __doc__)
