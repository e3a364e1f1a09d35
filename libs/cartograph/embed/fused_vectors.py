"""All models' vectors of a product as one: whitened, then laid side by side or weighed by a learned gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pyspark.sql import DataFrame

from cartograph.core.training.trainer import Epoch
from cartograph.core.training.weights import Weights
from cartograph.embed.fusion import blocks_of, concatenated, side_by_side
from cartograph.embed.gated import NoPairs, gated, trained_gate
from cartograph.embed.whitening import whitenings, widths_of


def fused_vectors(
    vectors: DataFrame,
    models: Sequence[str],
    sets: DataFrame,
    *,
    method: Literal["concat", "gate"] = "concat",
    width: int = 64,
    weights: Mapping[str, float] | None = None,
    gate: Mapping[str, Any] | None = None,
    record: Callable[[Epoch], None] | None = None,
) -> tuple[DataFrame | None, Weights | None]:
    """One row per product: product_id, vector (None if no model tells products apart); and the gate, if there is one.

    Where nothing was bought together there is no gate, and vectors are laid side by side.

    Args:
        vectors: model, product_id, vector.
        models: those to fuse.
        sets: product_ids: what was bought together.
        method: concat or gate.
        width: numbers kept of each model.
        weights: of models, for concat; not named: 1.
        gate: settings of `gated.trained_gate`.
        record: told of each epoch of its training.
    """
    beside = side_by_side(vectors, models).localCheckpoint()
    found = whitenings(beside, models, width)
    if not found:
        return None, None
    blocks = blocks_of(beside, found).localCheckpoint()
    if method == "gate":
        try:
            trained = trained_gate(blocks, sets, widths_of(found), **(gate or {}), record=record)
            return gated(blocks, trained), trained
        except NoPairs:
            pass  # concatenation, below
    return concatenated(blocks, widths_of(found), weights or {}), None
