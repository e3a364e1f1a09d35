"""GRU4Rec: gated recurrent units over the history (Hidasi et al. 2016, Session-based recommendations with RNNs)."""

from __future__ import annotations

from torch import nn

from cartograph.sequence.recurrent import RecurrentBody
from cartograph.sequence.sequence_model import SequenceModel


class GruBody(RecurrentBody):
    """Layers of gated recurrent units."""

    cell = nn.GRU


class Gru(SequenceModel):
    """A state that each event updates through gates; the state after the last one is scored against all products.

    Unlike the paper it is trained on whole histories at once, with the softmax over all products. See
    `SequenceModel` for the constructor.
    """

    name = "gru"
    body = GruBody
