"""LightGCN of the `torch_geometric` package on the same files; ends with status 3 where it is not installed.

Trained by its own loss (BPR, Rendle et al. 2009), one wrong product per right one. Its graph is a sparse matrix that is
normalised once, the fastest of the forms that it takes. An epoch has the same number of steps as ours.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.lightgcn import Ints, read_interactions, recall_and_ndcg
from benchmarks.peers.installed import leave_out

warnings.filterwarnings("ignore")
try:
    import scipy.sparse as sp
    import torch
    from torch_geometric.nn.models import LightGCN
except ModuleNotFoundError as error:
    leave_out(error, "torch_geometric", "torch", "scipy")

_USERS_AT_ONCE = 1000


def main() -> None:
    """Fits, recommends to the test users, prints seconds and metrics."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    for name in ("epochs", "steps", "width", "layers", "k", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=1e-4, help="of the vectors used in a step")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(options.threads)
    train, test = read_interactions(options.train), read_interactions(options.test)
    n_users, n_items = (int(max(train[side].max(), test[side].max())) + 1 for side in (0, 1))
    graph = adjacency(train, n_users, n_items).to(options.device)
    model = LightGCN(n_users + n_items, options.width, options.layers, normalize=False).to(options.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    start, ends = time.perf_counter(), []
    for _ in range(options.epochs):
        epoch(model, optimiser, graph, train, (n_users, n_items), options.steps, options.decay)
        if options.device != "cpu":
            torch.cuda.synchronize()
        ends.append(time.perf_counter())
    ranked = recommended(model, graph, train, np.unique(test[0]), n_users, options.k)
    scored = time.perf_counter()
    answer = {
        "seconds": round(scored - start, 3),
        "fit_seconds": round(ends[-1] - start, 3),
        "score_seconds": round(scored - ends[-1], 3),
        "seconds_per_epoch": round(float(np.diff([start, *ends])[1 if len(ends) > 1 else 0 :].mean()), 3),
        "epochs": options.epochs,
        "metrics": recall_and_ndcg(test, ranked, options.k),
    }
    print(json.dumps(answer))


def adjacency(train: tuple[Ints, Ints], n_users: int, n_items: int) -> Any:
    """D^-1/2 A D^-1/2 of the graph of users and items, items after users."""
    n = n_users + n_items
    one_way = sp.csr_matrix((np.ones(len(train[0]), np.float32), (train[0], train[1] + n_users)), (n, n))
    one_way.data[:] = 1
    both = (one_way + one_way.T).tocsr()
    scale = sp.diags(np.maximum(np.asarray(both.sum(1))[:, 0], 1) ** -0.5)
    scaled = (scale @ both @ scale).tocsr().astype(np.float32)
    parts = (torch.from_numpy(part) for part in (scaled.indptr, scaled.indices, scaled.data))
    return torch.sparse_csr_tensor(*parts, size=(n, n))


def epoch(
    model: Any,
    optimiser: Any,
    graph: Any,
    train: tuple[Ints, Ints],
    sizes: tuple[int, int],
    n_steps: int,
    decay: float,
) -> None:
    """One epoch."""
    n_users, n_items = sizes
    users, items = (torch.from_numpy(column).to(graph.device) for column in train)
    for some in torch.tensor_split(torch.randperm(len(users), device=users.device), n_steps):
        wrong = torch.randint(n_items, (len(some),), device=users.device)
        asking, right = users[some].repeat(2), torch.cat([items[some], wrong]) + n_users
        scores = model(graph, torch.stack([asking, right]))
        used = torch.cat([asking[: len(some)], right])
        positive, negative = scores.chunk(2)
        loss = model.recommendation_loss(positive, negative, used, lambda_reg=decay)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def recommended(
    model: Any, graph: Any, train: tuple[Ints, Ints], users: Ints, n_users: int, k: int
) -> tuple[Ints, Ints, Ints]:
    """Users, items and ranks of the lists, what is in training left out."""
    with torch.no_grad():
        vectors = model.get_embedding(graph).cpu()
    seen = sp.csr_matrix((np.ones(len(train[0])), train), (n_users, len(vectors) - n_users))
    lists = []
    for first in range(0, len(users), _USERS_AT_ONCE):
        some = users[first : first + _USERS_AT_ONCE]
        scores = vectors[torch.from_numpy(some)] @ vectors[n_users:].T
        rows, columns = seen[some].nonzero()
        scores[rows, columns] = -torch.inf
        lists.append(scores.topk(k).indices.numpy())
    ranks = np.tile(np.arange(1, k + 1), len(users))
    return np.repeat(users, k), np.concatenate(lists).ravel(), ranks


if __name__ == "__main__":
    main()
