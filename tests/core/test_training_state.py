"""The state of training is restored from its rows, in whatever order they arrive."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cartograph.core.training import state as training_state
from cartograph.core.training.state import State, rows_of, state_of


def trained(n_steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    network = nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)
    for step in range(n_steps):
        optimiser.zero_grad()
        (network(torch.full((1, 3), 1.0 + step)) ** 2).sum().backward()
        optimiser.step()
    return network, optimiser


def test_a_state_survives_being_cut_into_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "_PART_BYTES", 100)
    network, optimiser = trained(3)
    state = State(step=3, loss=1.5, n_examples=6, epochs=[{"epoch": 1, "loss": 0.25}])
    state.take_from(network, optimiser)
    state.keep(network)
    rows = list(rows_of(state))
    assert len(rows) > 6
    found = state_of(reversed(rows))
    assert (found.step, found.ended, found.loss, found.n_examples, found.epochs) == (3, False, 1.5, 6, state.epochs)
    other, other_optimiser = trained(0)
    found.put_into(other, other_optimiser)
    for one, two in ((network, optimiser), (other, other_optimiser)):
        two.zero_grad()
        (one(torch.full((1, 3), 4.0)) ** 2).sum().backward()
        two.step()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    assert found.best.keys() == {"weight", "bias"}


def test_no_rows_are_the_initial_state() -> None:
    assert (state_of([]).step, state_of([]).network) == (0, {})


def test_the_best_epoch_is_the_first_of_equals() -> None:
    state = State()
    best = []
    for quality in (0.1, 0.3, 0.3, 0.2):
        state.end_epoch(quality)
        best.append((state.is_best(), state.epochs_since_best()))
    assert best == [(True, 0), (True, 0), (False, 1), (False, 2)]
