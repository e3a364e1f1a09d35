"""Weights of a network as bytes, verified before use and never unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from pyspark.sql import SparkSession
from safetensors.torch import load, save

from cartograph.core.workers.hadoop_files import read_bytes, write_bytes


class WeightsChanged(RuntimeError):
    """Weights differ from those that were saved."""


@dataclass(frozen=True)
class Weights:
    """Tensors in safetensors format, their SHA-256, and metadata that JSON can represent."""

    config: Mapping[str, Any]
    content: bytes
    sha256: str

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> Self:
        """The weights of a network: `network.state_dict()`, on any device."""
        content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        return cls(dict(config), content, hashlib.sha256(content).hexdigest())

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors by name.

        Raises:
            WeightsChanged: the checksum does not match.
        """
        found = hashlib.sha256(self.content).hexdigest()
        if found != self.sha256:
            raise WeightsChanged(f"the SHA-256 of the weights should be {self.sha256} but is {found}: train again")
        tensors: dict[str, torch.Tensor] = load(self.content)
        return tensors

    def save(self, spark: SparkSession, folder: str) -> None:
        """Writes `weights.safetensors` and then `weights.json`, to any file system that Spark can write to."""
        write_bytes(spark, f"{folder}/weights.safetensors", self.content)
        described = json.dumps({"sha256": self.sha256, "config": dict(self.config)}, indent=1, sort_keys=True)
        write_bytes(spark, f"{folder}/weights.json", described.encode())

    @classmethod
    def load(cls, spark: SparkSession, folder: str) -> Self:
        """The weights that `save` wrote there.

        Raises:
            WeightsChanged: the file of weights is not the one that was saved.
        """
        described = json.loads(read_bytes(spark, f"{folder}/weights.json"))
        weights = cls(described["config"], read_bytes(spark, f"{folder}/weights.safetensors"), described["sha256"])
        weights.tensors()
        return weights
