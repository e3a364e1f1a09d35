"""One vector per product out of those of all models: whitened, then concatenated or weighted by a learned gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver, TooLittle
from cartograph.embed.concatenation import blocks_of, concatenated, side_by_side
from cartograph.embed.settings import VectorFusionSettings
from cartograph.embed.vector_model import no_vectors, unhashed
from cartograph.embed.whitening import whitenings, widths_of

if TYPE_CHECKING:
    from cartograph.core.training.trainer import Epoch
    from cartograph.core.training.weights import Weights

FUSED_VECTORS = "fused"


@dataclass(frozen=True)
class Fused:
    """product_id, vector (of length one); the gate, if there is one; messages for the user."""

    vectors: DataFrame
    gate: Weights | None = None
    messages: tuple[str, ...] = ()

    def rows(self) -> DataFrame:
        """Rows of silver.product_vectors: model, product_id, vector, source_hash."""
        return unhashed(self.vectors.withColumn("model", F.lit(FUSED_VECTORS)))


def fused_vectors(vectors: DataFrame, models: Sequence[str], data: Silver, settings: VectorFusionSettings) -> Fused:
    """One vector per product; none if no model has vectors that differ.

    If no products were bought together there is no gate, and vectors are concatenated.

    Args:
        vectors: model, product_id, vector.
        models: those to fuse.
        data: baskets and products; `on_epoch` is called with the epochs of the gate.
        settings: how.
    """
    beside = side_by_side(vectors, models).localCheckpoint()
    found = whitenings(beside, models, settings.width)
    if not found:
        return Fused(no_vectors(data.products).drop("source_hash"), messages=("no model has vectors that differ",))
    blocks, widths = blocks_of(beside, found).localCheckpoint(), widths_of(found)
    messages: tuple[str, ...] = ()
    if settings.method == "gate":
        from cartograph.embed.gate_training import gated, trained_gate  # imports torch, which takes seconds

        try:
            gate = trained_gate(blocks, data.baskets, widths, settings.gate, _recorded(data.on_epoch))
            return Fused(gated(blocks, gate).localCheckpoint(), gate)
        except TooLittle as error:
            messages = (f"{error}: vectors are concatenated, without a gate",)
    return Fused(concatenated(blocks, widths, settings.weights).localCheckpoint(), messages=messages)


def _recorded(on_epoch: Callable[[str, Mapping[str, float]], None] | None) -> Callable[[Epoch], None] | None:
    """Reports number and loss of each epoch of the gate."""
    if on_epoch is None:
        return None
    return lambda epoch: on_epoch("gate", {name: epoch[name] for name in ("epoch", "loss")})
