"""Networks take settings as an object or by name, and refuse those that do not go together."""

from __future__ import annotations

from typing import Any

import pytest

from cartograph.core.model_classes import model_class
from cartograph.sequence.gru import Gru
from cartograph.sequence.network import NetworkConfig
from cartograph.sequence.settings import NetworkSettings, SequenceSettings, SequenceTrainingSettings
from cartograph.sequence.transformer import Transformer


def test_a_network_takes_its_own_settings_and_the_shared_ones_by_name() -> None:
    model = Gru(NetworkSettings(width=8), training=SequenceTrainingSettings(newest=7), depth=3, loss="sampled")
    assert (model.settings.width, model.settings.depth) == (8, 3)
    assert (model.training.newest, model.training.loss) == (7, "sampled")


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="did you mean 'width'"):
        Gru(widht=8)
    with pytest.raises(ValueError, match="no 'heads'"):
        Gru(heads=2)


def test_early_stopping_needs_validation() -> None:
    with pytest.raises(ValueError, match="patience needs validation_share"):
        Gru(patience=2)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="width 9 is not a multiple of heads, 2"):
        Transformer(width=9, heads=2)


def test_the_configuration_of_a_network_has_its_settings() -> None:
    config = NetworkConfig.of(Transformer(heads=4, width=16).settings, n_items=3, length=5)
    assert (config.heads, config.width, config.depth, config.n_items, config.length) == (4, 16, 2, 3, 5)
    assert NetworkConfig.of(Gru().settings, n_items=3).heads == 1


@pytest.mark.parametrize("name", SequenceSettings.choices())
def test_every_model_of_the_section_is_made_from_it(name: str) -> None:
    section = SequenceSettings(customer_vectors=False)
    model: Any = model_class("sequence", name).configured(section)
    assert type(model) is model_class("sequence", name)
    assert model.settings is getattr(section, name)
    assert "gold.user_vectors" not in model.artifact_tables
