"""GCN and GAT of the `torch_geometric` package on the same graph; ends with status 3 where it is not installed.

Two layers, dropout .5, AdamW with rate .01, as `benchmarks.graph` trains its own; the weights with the best validation
accuracy are used.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.graph_files import Longs, read_graph, split
from benchmarks.peers.installed import leave_out

warnings.filterwarnings("ignore")
try:
    import torch
    from torch_geometric.nn.models import GAT, GCN
except ModuleNotFoundError as error:
    leave_out(error, "torch_geometric", "torch")


def main() -> None:
    """Classifies the test products of every draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--npz", required=True)
    parser.add_argument("--model", required=True, choices=("gcn", "gat"))
    for name in ("runs", "epochs", "width", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--patience", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    adjacency, features, labels = read_graph(options.npz)
    scaled = features.toarray().astype(np.float32)
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
    features, edges = torch.from_numpy(scaled), torch.from_numpy(np.stack(adjacency.nonzero()).astype(np.int64))
    start = time.perf_counter()
    found = [accuracy(features, edges, labels, options, run) for run in range(options.runs)]
    answer = {
        "seconds": round(time.perf_counter() - start, 3),
        "metrics": {"accuracy": round(float(np.mean(found)), 4), "accuracy_std": round(float(np.std(found)), 4)},
    }
    print(json.dumps(answer))


def accuracy(features: Any, edges: Any, labels: Longs, options: argparse.Namespace, run: int) -> float:
    """The share of test products whose class is predicted."""
    torch.manual_seed(7 + run)
    trained, validated, tested = (torch.from_numpy(part) for part in split(labels, run))
    classes, n_classes = torch.from_numpy(labels), int(labels.max()) + 1
    more = {"heads": 4} if options.model == "gat" else {}
    model = {"gcn": GCN, "gat": GAT}[options.model](features.shape[1], options.width, 2, n_classes, dropout=0.5, **more)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    best, right, since = -1.0, 0.0, 0
    for _ in range(options.epochs):
        model.train()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(features, edges)[trained], classes[trained]).backward()
        optimiser.step()
        model.eval()
        with torch.no_grad():
            is_right = (model(features, edges).argmax(1) == classes).float()
        since += 1
        if float(is_right[validated].mean()) > best:
            best, right, since = float(is_right[validated].mean()), float(is_right[tested].mean()), 0
        if since >= options.patience:
            break
    return right


if __name__ == "__main__":
    main()
