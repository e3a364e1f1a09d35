"""SASRec of the `rectools` package on the same sequences; ends with status 3 where it is not installed.

Events before a user's last two are trained on, and the last but one is looked back at, as `benchmarks.nextitem` does.
Seconds per epoch are the mean over all epochs but the first, which warms up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.next_items import hit_rate_and_ndcg
from benchmarks.peers.installed import leave_out

warnings.filterwarnings("ignore")
try:
    import pandas as pd
    import pytorch_lightning as lightning
    import torch
    from rectools import Columns
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel
except ModuleNotFoundError as error:
    leave_out(error, "rectools", "pytorch_lightning", "torch", "pandas")

K = 20


def main() -> None:
    """Fits, recommends to all users, prints seconds and metrics."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sequences", required=True)
    for name, default in (("epochs", 3), ("width", 64), ("batch-size", 256), ("length", 50), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    events = read_sequences(options.sequences)
    training = Dataset.construct(events[events.from_end > 2].drop(columns="from_end"))
    model, ends = fitted(training, options)
    known = events[events[Columns.Item].isin(training.item_id_map.external_ids)]
    looked_back = Dataset.construct(known[known.from_end > 1].drop(columns="from_end"))
    start = time.perf_counter()
    lists = model.recommend(looked_back.user_id_map.external_ids, looked_back, k=K, filter_viewed=True)
    score_seconds = time.perf_counter() - start
    targets = events[events.from_end == 1].set_index(Columns.User)[Columns.Item]
    hits = lists[lists[Columns.Item].to_numpy() == targets.loc[lists[Columns.User]].to_numpy()]
    answer = {
        "seconds": round(ends[-1] - ends[0] + score_seconds, 3),
        "seconds_per_epoch": round(float(np.diff(ends)[1 if options.epochs > 1 else 0 :].mean()), 3),
        "epochs": options.epochs,
        "metrics": hit_rate_and_ndcg(hits[Columns.Rank].to_numpy(), len(targets)),
    }
    print(json.dumps(answer))


def fitted(training: Any, options: argparse.Namespace) -> tuple[Any, list[float]]:
    """The model, and when training began and each epoch ended."""
    ends = [time.perf_counter()]

    class Clock(lightning.Callback):
        def on_train_epoch_end(self, *_: Any) -> None:
            ends.append(time.perf_counter())

    def trainer() -> Any:
        quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
        return lightning.Trainer(max_epochs=options.epochs, enable_model_summary=False, callbacks=[Clock()], **quiet)

    model = SASRecModel(
        n_blocks=2, n_heads=2, n_factors=options.width, dropout_rate=options.dropout, session_max_len=options.length,
        lr=options.learning_rate, batch_size=options.batch_size, loss="softmax",
        recommend_torch_device=options.device, get_trainer_func=trainer,
    )  # fmt: skip
    model.fit(training)
    return model, ends


def read_sequences(path: str) -> Any:
    """One row per event: user, item, time (a day apart), weight, from_end (1 for a user's last)."""
    with gzip.open(path, "rt") if path.endswith(".gz") else Path(path).open() as lines:
        rows = [line.split() for line in lines]
    users = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
    places = np.concatenate([np.arange(len(row) - 1) for row in rows])
    from_end = np.concatenate([np.arange(len(row) - 1, 0, -1) for row in rows])
    return pd.DataFrame(
        {
            Columns.User: users,
            Columns.Item: np.concatenate([row[1:] for row in rows]),
            Columns.Datetime: pd.Timestamp("2020-01-01") + pd.to_timedelta(places, unit="D"),
            Columns.Weight: 1.0,
            "from_end": from_end,
        }
    )


if __name__ == "__main__":
    main()
