"""Pretrained networks that turn texts and images into vectors, loaded once in each executor process.

Any model that sentence-transformers can load will do, by its name or by a path that exists on every executor: language
models (Reimers and Gurevych 2019) for texts, models of the CLIP type (Radford et al. 2021) for images.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pyspark import TaskContext

from cartograph.core.search.topk import Floats
from cartograph.embed.settings import EncoderSettings


class NoSuchModel(RuntimeError):
    """A pretrained model cannot be loaded where it is needed."""


def encoded(inputs: Sequence[Any], settings: EncoderSettings) -> Floats:
    """One row per input, by the pretrained model of the settings.

    Raises:
        NoSuchModel: the model cannot be loaded on this executor.
        ModuleNotFoundError: sentence-transformers is not installed.
    """
    network = _loaded(settings.pretrained, settings.device)
    vectors = network.encode(list(inputs), batch_size=settings.batch_size, show_progress_bar=False)
    return np.ascontiguousarray(vectors, dtype=np.float32)


@lru_cache(maxsize=2)  # one for texts and one for images; a worker's process serves many tasks
def _loaded(model: str, device: str) -> Any:
    """The network, with one thread per core of a task."""
    try:
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{model} needs sentence-transformers: install cartograph[text]") from error
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    task = TaskContext.get()
    torch.set_num_threads(task.cpus() if task is not None else 1)
    try:
        return SentenceTransformer(model, device=device)
    except (OSError, ValueError) as error:
        raise NoSuchModel(
            f"the pretrained model {model!r} cannot be loaded: {error}. Give the name of one that executors can "
            "download or have in their caches, or a folder that exists on every executor"
        ) from error
