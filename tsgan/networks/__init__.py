"""The recurrent networks: a generator, a critic, and the cells that both are made of."""

from __future__ import annotations

from collections.abc import Callable

from .base import Cell
from .gru import GRU
from .lstm import LSTM
from .rnn import RNN

CELLS: dict[str, Callable[[int, int, int], Cell]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
