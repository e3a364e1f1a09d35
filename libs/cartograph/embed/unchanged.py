"""Products that have changed since vectors were last made are embedded again; the others keep their vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from pyspark.sql import DataFrame

from cartograph.embed.vector_model import Earlier


@dataclass(frozen=True)
class Changes:
    """`kept`: product_id, vector, source_hash of unchanged products; `changed`: rows of those to embed."""

    kept: DataFrame | None
    changed: DataFrame

    @classmethod
    def since(cls, sources: DataFrame, earlier: DataFrame | None) -> Self:
        """Splits `sources` by whether `earlier` has their product with the same hash.

        Args:
            sources: product_id, source_hash and whatever vectors are made of.
            earlier: product_id, vector, source_hash; None if none were made yet.
        """
        if earlier is None:
            return cls(None, sources)
        known = ["product_id", "source_hash"]
        kept = sources.select(*known).join(earlier, known).select("product_id", "vector", "source_hash")
        return cls(kept, sources.join(earlier, known, "left_anti"))

    def together(self, made: DataFrame) -> DataFrame:
        """The vectors kept and those `made`: product_id, vector, source_hash."""
        rows = made.select("product_id", "vector", "source_hash")
        return rows if self.kept is None else self.kept.unionByName(rows)


def updated(
    sources: DataFrame, earlier: Mapping[str, Earlier], embed: Callable[[DataFrame], DataFrame]
) -> tuple[DataFrame, int]:
    """product_id, vector, source_hash of all products, and how many of them were embedded now.

    Args:
        sources: product_id, source_hash and whatever vectors are made of.
        earlier: the model's earlier vectors, as silver.product_vectors, if there are any.
        embed: makes the vectors of some rows of `sources`.
    """
    known = earlier.get("silver.product_vectors")
    columns = ("product_id", "vector", "source_hash")
    changes = Changes.since(sources, None if known is None else known.rows.select(*columns))
    changed = changes.changed.localCheckpoint()
    return changes.together(embed(changed)), changed.count()
