"""What looks on: the history, the bar and the user's callables."""

import importlib
import re
import time

import pytest

from tsgan.model.callbacks import FORMAT, History, Row

KEYS = ["stage", "step", "seconds", "loss", "held_back", "critic", "penalty", "distance", "kept"]


class TestRows:
    def test_have_the_same_keys_and_none_where_nothing_was_measured(self):
        history = History()
        history.add("likelihood", 10, 0.1, loss=-1.5)
        history.add("likelihood", 20, 0.2, loss=-2.0, held_back=1.75, kept=True)
        history.add("adversarial", 1, 0.6, critic=-0.5, penalty=0.25, distance=0.75, kept=False)
        assert [list(row) for row in history.rows] == [KEYS] * 3
        told = [[row[key] for key in KEYS if key != "seconds"] for row in history.rows]
        assert told == [
            ["likelihood", 10, -1.5, None, None, None, None, None],
            ["likelihood", 20, -2.0, 1.75, None, None, None, True],
            ["adversarial", 1, None, None, -0.5, 0.25, 0.75, False],
        ]

    def test_each_key_is_documented(self):
        assert list(Row.__annotations__) == KEYS
        assert re.findall(r"^    (\w+) : ", Row.__doc__, re.MULTILINE) == KEYS

    def test_seconds_run_on_from_one_stage_to_the_next(self):
        history = History()
        for stage, step in (("likelihood", 1), ("likelihood", 2), ("adversarial", 1)):
            time.sleep(0.01)
            history.add(stage, step, 0.1)
        seconds = [row["seconds"] for row in history.rows]
        assert seconds == sorted(seconds)
        assert 0.03 <= seconds[-1] <= history.seconds < 1

    def test_nothing_happened(self):
        assert History().rows == []


class TestCallbacks:
    def test_see_each_new_row(self):
        seen = []
        history = History([seen.append])
        for step in range(3):
            assert not history.add("likelihood", step, 0.1, loss=1.0)
            assert seen == history.rows

    def test_may_stop_and_the_others_see_that_row_too(self):
        after = []
        history = History([lambda row: row["step"] == 2, lambda row: after.append(row["step"])])
        assert [history.add("likelihood", step, 0.1) for step in (1, 2, 3)] == [False, True, False]
        assert after == [1, 2, 3]

    def test_do_not_change_the_history(self):
        history = History([lambda row: row.clear()])
        history.add("likelihood", 1, 0.1)
        assert list(history.rows[0]) == KEYS

    def test_an_error_of_theirs_comes_through_and_closes_the_bar(self, capsys):
        with pytest.raises(ZeroDivisionError), History([lambda row: 1 / 0], progress=True) as history:
            history.add("likelihood", 1, 0.1)
        assert capsys.readouterr().err.endswith("\n")
        assert len(history.rows) == 1


class TestBar:
    def test_shows_stage_share_rate_and_what_was_measured(self, capsys):
        with History(progress=True) as history:
            history.add("likelihood", 0, 0.0, held_back=0.125)
            time.sleep(0.25)
            history.add("likelihood", 40, 0.4, loss=-0.5, held_back=0.25)
        shown = capsys.readouterr()
        assert shown.out == ""
        for words in ("likelihood  40 %|", "held back 0.250", " steps/s, "):
            assert words in shown.err
        assert "distance" not in shown.err
        assert re.search(r"\d\d:\d\d<\d\d:\d\d", shown.err)  # time used and left

    def test_shows_the_adversary(self, capsys):
        with History(progress=True) as history:
            history.add("adversarial", 1, 2.0, critic=-0.5, penalty=0.125, distance=0.75)
        shown = capsys.readouterr().err
        assert "adversarial 100 %" in shown
        assert "distance 0.750" in shown

    def test_the_rate_is_that_of_the_stage(self, capsys, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("tsgan.model.callbacks.time.perf_counter", lambda: now[0])
        with History(progress=True) as history:
            for stage, step, seconds in (
                ("likelihood", 0, 10.0),
                ("likelihood", 500, 20.0),
                ("adversarial", 0, 40.0),
                ("adversarial", 30, 50.0),
            ):
                now[0] = seconds
                history.add(stage, step, 0.5)
        shown = capsys.readouterr().err
        assert "50 steps/s" in shown
        assert "3.0 steps/s" in shown

    def test_moves_between_two_measurements_and_never_back(self, capsys, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("tsgan.model.callbacks.time.perf_counter", lambda: now[0])
        with History(progress=True, first=0.6) as history:
            for stage, step, share in (("likelihood", 0, 0.0), ("likelihood", 50, 0.5), ("likelihood", 100, 1.0)):
                now[0] += 1
                history.move(stage, step, share)
            now[0] += 1
            history.move("adversarial", 1, 0.8)
        shown = [int(share) for share in re.findall(r" (\d+) %", capsys.readouterr().err)]
        assert sorted(set(shown)) == [0, 30, 60, 80]
        assert shown == sorted(shown)

    def test_follows_the_time_where_that_is_used_up_first(self, capsys, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("tsgan.model.callbacks.time.perf_counter", lambda: now[0])
        with History(progress=True, limit=40.0) as history:
            now[0] = 30.0
            history.move("likelihood", 50, 0.05)
        assert " 75 %" in capsys.readouterr().err

    def test_is_drawn_now_and_then_and_at_the_end(self, capsys):
        with History(progress=True) as history:
            for step in range(1, 1001):
                history.add("likelihood", step, step / 1000, held_back=float(step))
        shown = capsys.readouterr().err
        assert "held back 1000.000" in shown
        assert shown.count("held back") < 100

    def test_stands_once_in_a_notebook(self):
        """The notebook's bar takes the place of "{bar}" alone; text around another one would show it twice."""
        assert FORMAT.count("{bar}") == 1
        pytest.importorskip("ipywidgets", reason="the notebook's bar needs ipywidgets")
        bar = importlib.import_module("tqdm.notebook").tqdm(total=100, display=False, bar_format=FORMAT)
        bar.display()
        assert not any("\u2588" in str(part.value) or "|" in str(part.value) for part in bar.container.children)

    def test_says_nothing_where_it_is_not_wanted(self, capsys):
        with History() as history:
            history.add("likelihood", 40, 0.4, loss=-0.5)
        assert capsys.readouterr() == ("", "")
