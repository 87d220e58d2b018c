"""What looks on: the history and the bar."""

import math

from tsgan.training.callbacks import Progress
from tsgan.training.history import History, Row

ROW = Row(step=40, epoch=1.5, seconds=2.0, critic=-0.5, generator=0.25, penalty=0.1, correction=1.0, separation=0.75)


def test_the_bar_shows_share_losses_and_rate(capsys):
    bar = Progress(True)
    bar.update(0.4, ROW)
    bar.close()
    shown = capsys.readouterr()
    assert shown.out == ""
    for words in ("training |", " 40 %", "critic -0.500", "generator 0.250", "apart 0.75", "20 steps/s"):
        assert words in shown.err


def test_no_separation_is_left_out(capsys):
    bar = Progress(True)
    bar.update(2.0, Row(1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    bar.close()
    shown = capsys.readouterr().err
    assert "100 %" in shown
    assert "apart" not in shown


def test_a_silent_bar_says_nothing(capsys):
    bar = Progress(False)
    bar.update(0.4, ROW)
    bar.close()
    assert capsys.readouterr() == ("", "")


def test_history_is_a_list_of_rows():
    history = History([ROW, ROW])
    assert len(history) == 2
    assert list(history) == [ROW, ROW]
    assert history.rows()[0]["separation"] == 0.75
    assert len(History()) == 0
    assert not math.isnan(history.rows()[1]["seconds"])
