"""Weights come back as they were saved, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pyspark.sql import SparkSession

from cartograph.core.training.weights import Weights, WeightsChanged


def test_weights_are_read_back_as_saved_and_refused_when_changed(spark: SparkSession, tmp_path: Path) -> None:
    saved = Weights.of({"a": torch.arange(6.0).view(2, 3)}, {"width": 3})
    saved.save(spark, str(tmp_path / "weights"))
    found = Weights.load(spark, str(tmp_path / "weights"))
    assert found.config == {"width": 3}
    assert torch.equal(found.tensors()["a"], torch.arange(6.0).view(2, 3))
    file = tmp_path / "weights" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    (file.parent / ".weights.safetensors.crc").unlink(missing_ok=True)
    with pytest.raises(WeightsChanged, match="SHA-256"):
        Weights.load(spark, str(tmp_path / "weights"))
