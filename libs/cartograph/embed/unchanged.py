"""Which products have changed since vectors were last made, and which keep those they had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Changes:
    """`kept`: product_id, vector, source_hash of the products that are as they were; `changed`: rows to make anew."""

    kept: DataFrame | None
    changed: DataFrame

    @classmethod
    def since(cls, sources: DataFrame, earlier: DataFrame | None) -> Self:
        """Tells the rows of `sources` apart by whether `earlier` has their product with the same hash.

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
