"""LSTM: long short-term memory over the history (Hochreiter, Schmidhuber 1997)."""

from __future__ import annotations

from torch import nn

from cartograph.sequence.model import SequenceModel
from cartograph.sequence.recurrent import RecurrentBody


class LstmBody(RecurrentBody):
    """Layers of long short-term memory."""

    cell = nn.LSTM


class Lstm(SequenceModel):
    """A memory that each event writes to; what it says after the last one is scored against all products.

    See `SequenceModel` for the settings.
    """

    name = "lstm"
    body = LstmBody
