"""LSTM: long short-term memory over the history (Hochreiter, Schmidhuber 1997)."""

from __future__ import annotations

from torch import nn

from cartograph.sequence.recurrent import RecurrentBody
from cartograph.sequence.sequence_model import SequenceModel


class LstmBody(RecurrentBody):
    """Layers of long short-term memory."""

    cell = nn.LSTM


class Lstm(SequenceModel):
    """A memory cell that each event updates through gates; the state after the last one is scored against all products.

    See `SequenceModel` for the constructor.
    """

    name = "lstm"
    body = LstmBody
