"""A fit of ALS as far as its scores are explained by it: the factors of products, and the settings they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pyspark.sql import DataFrame


class Objective(Protocol):
    """The settings of ALS that its objective depends on."""

    @property
    def alpha(self) -> float: ...
    @property
    def regularisation(self) -> float: ...
    @property
    def frequency_power(self) -> float: ...


class AlsSettings(Objective, Protocol):
    """The settings of ALS that its factors depend on, given the events."""

    @property
    def implicit(self) -> bool: ...
    @property
    def half_life_days(self) -> float | None: ...
    @property
    def debias(self) -> float: ...


@dataclass(frozen=True)
class AlsFit:
    """A fit of ALS.

    Attributes:
        factors: rows of gold.factors of products; None if they were not kept.
        settings: of the fit.
        event_weights: of the fit, by event type.
    """

    factors: DataFrame | None
    settings: AlsSettings
    event_weights: Mapping[str, float]
