"""RecurrentGAN: every choice trains and samples; training is watched, limited, interrupted, and says what it did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan import RecurrentGAN
from tsgan.errors import NotFittedError, ParameterError, TsganWarning
from tsgan.model.cells import CELLS
from tsgan.model.losses import LOSSES

QUICK = {"window": 4, "steps": 2, "hidden": 4, "units": 8, "adversarial_steps": 0, "verbose": False, "random_state": 0}
LEARNS = {**QUICK, "steps": 100, "hidden": 16, "units": 32}  # enough of `series` to be kept
unimproved = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


def series(rows: int = 160) -> np.ndarray:
    """A noisy circle, unlike any linear-Gaussian process."""
    turn = np.arange(rows) / 3
    noise = np.random.default_rng(0).normal(size=(rows, 2)) / 20
    return np.stack([np.sin(turn), np.sign(np.cos(turn))], axis=1) + noise


def steps_of(gan: RecurrentGAN) -> list[int]:
    """Return the steps at which the first stage was measured."""
    return [row["step"] for row in gan.history_ if row["stage"] == "likelihood"]


@pytest.fixture(scope="module")
def learned() -> RecurrentGAN:
    """Return a model whose training was kept."""
    return RecurrentGAN(**LEARNS).fit(series())


@unimproved
class TestEveryChoice:
    @pytest.mark.parametrize("cell", CELLS)
    @pytest.mark.parametrize("layers", [1, 2])
    def test_cell(self, cell, layers):
        gan = RecurrentGAN(**QUICK, cell=cell, layers=layers).fit(series())
        assert gan.sample(3).shape == (3, 4, 2)
        assert np.isfinite(gan.sample(2, length=20)).all()
        assert steps_of(gan) == [0, 2]

    @pytest.mark.parametrize(
        "options",
        [
            {"mixture": 1},
            {"dropout": 0.0},
            {"dropout": 0.4},
            {"batch_size": 1},
            {"batch_size": 500},
            {"decay": 0.0},
            {"average": 0.0},
            {"clip": None},
            {"clip": 0.1},
            {"stride": 2, "steps": 1},
            {"scaler": "standard"},
            {"window": 1},
            {"window": 30},
            {"device": "auto"},
        ],
        ids=str,
    )
    def test_option(self, options):
        gan = RecurrentGAN(**{**QUICK, **options}).fit(series(400))
        assert steps_of(gan) == [0, gan.steps]
        assert np.isfinite(gan.sample(3)).all()

    def test_an_option_changes_what_is_learned(self, learned):
        for option in ({"cell": "gru"}, {"rate": 0.01}, {"average": 0}, {"mixture": 2}, {"dropout": 0.0}):
            other = RecurrentGAN(**{**LEARNS, **option}).fit(series())
            assert other.trained_, option
            assert not np.array_equal(learned.sample(2), other.sample(2)), option

    def test_training_helps_where_there_is_something_to_learn(self, learned):
        assert learned.trained_
        held_back = [row["held_back"] for row in learned.history_ if row["stage"] == "likelihood"]
        assert held_back[-1] > held_back[0] + 0.3
        closed = RecurrentGAN(**{**LEARNS, "steps": 0}).fit(series())
        unseen = series(400)[160:]
        assert learned.score_samples(unseen).mean() > closed.score_samples(unseen).mean() + 0.3


class TestSecondStage:
    """A critic of free runs; what it leads to is believed where held-back windows say so."""

    BOTH = {**LEARNS, "adversarial_steps": 3}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @staticmethod
    def both() -> RecurrentGAN:
        return RecurrentGAN(**TestSecondStage.BOTH).fit(series())

    def test_it_follows_the_first(self, both):
        stages = [row["stage"] for row in both.history_]
        assert stages == sorted(stages, key=["likelihood", "adversarial"].index)
        second = pd.DataFrame([row for row in both.history_ if row["stage"] == "adversarial"])
        assert second["step"].iloc[-1] == 3
        assert second["distance"].notna().any()
        assert np.isfinite(second["critic"].dropna()).all()
        assert isinstance(both.finished_, bool)

    def test_whether_it_is_believed_is_saved(self, both, tmp_path):
        both.save(tmp_path)
        loaded = RecurrentGAN.load(tmp_path)
        assert loaded.finished_ == both.finished_
        assert loaded.history_ == both.history_
        assert np.array_equal(loaded.sample(3), both.sample(3))

    def test_not_believed_it_leaves_the_first_stage(self, learned):
        wild = RecurrentGAN(**{**self.BOTH, "generator_rate": 1.0, "adversarial": 1000.0}).fit(series())
        assert not wild.finished_
        assert wild.trained_
        unseen = series(400)[160:]
        assert wild.score_samples(unseen).mean() == pytest.approx(learned.score_samples(unseen).mean(), abs=0.05)

    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("cell", CELLS)
    def test_loss_and_cell(self, loss, cell):
        gan = RecurrentGAN(**{**self.BOTH, "loss": loss, "cell": cell, "steps": 60, "adversarial_steps": 1})
        made = gan.fit(series()).sample(3)
        assert gan.history_[-1]["stage"] == "adversarial"
        assert np.isfinite(made).all()

    @pytest.mark.parametrize(
        "options",
        [{"critic_steps": 1}, {"penalty": 0.0}, {"penalty": 1.0, "penalty_every": 1}, {"exact_penalty": True}],
        ids=str,
    )
    def test_option(self, options):
        gan = RecurrentGAN(**{**self.BOTH, **options}).fit(series())
        assert gan.history_[-1]["stage"] == "adversarial"
        assert np.isfinite(gan.sample(3)).all()


class TestSequences:
    def panel(self, count: int = 120) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        lengths = rng.integers(3, 7, count)
        rows = int(lengths.sum())
        return pd.DataFrame(
            {
                "who": np.repeat(np.arange(100, 100 + count), lengths),
                "step": np.concatenate([np.arange(n) for n in lengths]),
                "long": np.repeat(lengths > 4, lengths),
                "x": rng.normal(size=rows) + np.repeat(5.0 * (lengths > 4), lengths),
                "c": rng.choice(["red", "blue"], rows, p=[0.8, 0.2]),
            }
        )

    @unimproved
    @pytest.mark.parametrize("steps", [0, 2, 100])
    def test_ragged_panels(self, steps):
        gan = RecurrentGAN(**{**QUICK, "window": None, "steps": steps}, entity="who", time="step", static=["long"])
        made = gan.fit(self.panel()).sample(300)
        assert set(made.groupby("who").size()) == {3, 4, 5, 6}
        assert made["who"].min() == 300
        assert made["who"].nunique() == 300
        assert (made.groupby("who").size() > 4).eq(made.groupby("who")["long"].first()).mean() > 0.8
        assert abs((made["c"] == "red").mean() - 0.8) < 0.06
        assert made.groupby("long")["x"].mean().diff().iloc[1] > 2

    @unimproved
    def test_sequences_longer_than_the_window_keep_their_lengths(self):
        gan = RecurrentGAN(**{**QUICK, "window": 3}, entity="who", time="step", static=["long"])
        assert set(gan.fit(self.panel()).sample(200).groupby("who").size()) == {3, 4, 5, 6}


class TestKeepingTheStart:
    def test_what_does_not_help_is_not_kept(self):
        with pytest.warns(
            TsganWarning, match=r"training did not improve on the untrained start \(log-likelihood of held-back rows"
        ):
            gan = RecurrentGAN(**{**QUICK, "steps": 60, "rate": 10.0}).fit(series())
        assert gan.trained_ is False
        closed = RecurrentGAN(**{**QUICK, "steps": 0}).fit(series())
        assert closed.trained_ is False
        assert closed.history_ == []
        assert np.array_equal(gan.sample(40, random_state=1), closed.sample(40, random_state=1))

    def test_the_closed_form_says_nothing(self, capsys):
        RecurrentGAN(**{**QUICK, "steps": 0, "verbose": True}).fit(series(20))
        assert "%" not in capsys.readouterr().err

    def test_too_few_rows(self):
        with pytest.warns(TsganWarning, match=r"too few rows \(20\) to hold some back and prove .* start is kept"):
            gan = RecurrentGAN(**QUICK).fit(series(20))
        assert gan.trained_ is False
        assert gan.history_ == []
        assert gan.sample(2).shape == (2, 4, 2)

    def test_constants_need_no_training(self):
        with pytest.warns(
            TsganWarning, match="every column is constant, there is nothing to train; the untrained start"
        ):
            gan = RecurrentGAN(**QUICK).fit(np.full((100, 2), 4.0))
        assert (gan.sample(5) == 4.0).all()

    @unimproved
    def test_a_constant_column_beside_others(self):
        table = pd.DataFrame(series(), columns=["x", "y"]).assign(one="same", two=2)
        made = RecurrentGAN(**QUICK).fit(table).sample(5)
        assert (made["one"] == "same").all()
        assert (made["two"] == 2).all()


@unimproved
class TestLimits:
    def test_steps(self):
        assert steps_of(RecurrentGAN(**{**QUICK, "steps": 7}).fit(series())) == [0, 7]

    def test_max_time_is_that_of_the_whole_fit(self):
        gan = RecurrentGAN(**{**QUICK, "steps": None, "max_time": 2.0}).fit(series(2000))
        assert gan.history_[-1]["step"] < 1000

    def test_little_time_still_gives_a_model(self):
        gan = RecurrentGAN(**{**QUICK, "max_time": 1e-3}).fit(series())
        assert gan.sample(2).shape == (2, 4, 2)


class TestWatching:
    def test_history(self, learned):
        table = pd.DataFrame(learned.history_)
        columns = ["stage", "step", "seconds", "loss", "held_back", "critic", "penalty", "distance", "kept"]
        assert list(table.columns) == columns
        first = table[table["stage"] == "likelihood"]
        assert first["step"].tolist() == [0, 50, 100]
        assert first["loss"].notna().tolist() == [False, True, True]
        assert first["kept"].all()
        assert first["seconds"].is_monotonic_increasing
        assert np.isfinite(first["held_back"]).all()

    def test_history_survives_saving(self, learned, tmp_path):
        learned.save(tmp_path)
        loaded = RecurrentGAN.load(tmp_path)
        assert loaded.history_ == learned.history_
        assert loaded.trained_ is True
        assert np.array_equal(loaded.sample(3), learned.sample(3))

    @unimproved
    def test_callbacks_see_each_row_and_can_stop(self):
        seen = []

        def watch(row):
            seen.append(row["step"])
            return row["step"] == 50

        gan = RecurrentGAN(**{**QUICK, "steps": 500, "callbacks": [watch, lambda row: None]}).fit(series())
        assert seen == steps_of(gan) == [0, 50]

    def test_callbacks_do_not_change_what_is_learned(self, learned):
        def meddle(row):
            row.clear()

        watched = RecurrentGAN(**{**LEARNS, "callbacks": [meddle]}).fit(series())
        assert np.array_equal(learned.sample(2), watched.sample(2))
        assert set(watched.history_[0]) == set(learned.history_[0])

    @unimproved
    def test_callbacks_may_be_told_of_the_beginning_and_the_end(self):
        class Watch:
            def __init__(self):
                self.told = []

            def begin(self, gan):
                self.told.append(("begin", gan.steps, hasattr(gan, "schema_")))

            def __call__(self, row):
                self.told.append(row["step"])

            def end(self, gan):
                self.told.append(("end", gan.sample(1).shape))

        watch = Watch()
        RecurrentGAN(**{**QUICK, "callbacks": [watch]}).fit(series())
        assert watch.told == [("begin", 2, False), 0, 2, ("end", (4, 2))]

    @unimproved
    def test_progress(self, capsys):
        RecurrentGAN(**{**QUICK, "verbose": True}).fit(series())
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "likelihood " in shown.err
        assert "100 %" in shown.err
        assert "held back" in shown.err
        RecurrentGAN(**QUICK).fit(series())
        assert capsys.readouterr().err == ""


class TestInterrupted:
    @staticmethod
    def at(step: int):
        def interrupt(row):
            if row["step"] == step:
                raise KeyboardInterrupt

        return [interrupt]

    def test_what_was_learned_is_kept(self, learned, tmp_path):
        with pytest.warns(
            TsganWarning, match=r"training was interrupted after 100 steps; what was learned until then is"
        ):
            gan = RecurrentGAN(**{**LEARNS, "steps": 500, "callbacks": self.at(100)}).fit(series())
        assert gan.trained_
        closed = RecurrentGAN(**{**LEARNS, "steps": 0}).fit(series())
        assert not np.array_equal(gan.sample(2), closed.sample(2))
        gan.save(tmp_path)
        assert np.array_equal(RecurrentGAN.load(tmp_path).sample(2), gan.sample(2))

    def test_what_was_not_better_is_not_kept(self):
        options = {"steps": 500, "callbacks": self.at(50), "rate": 10.0}
        with pytest.warns(
            TsganWarning, match="training was interrupted after 50 steps; the untrained start is kept"
        ) as caught:
            gan = RecurrentGAN(**{**QUICK, **options}).fit(series())
        assert len(caught) == 1
        assert not gan.trained_
        assert gan.sample(1).shape == (4, 2)


class TestFailing:
    @unimproved
    @pytest.mark.parametrize("rate", [1e3, 1e8])
    def test_divergence_goes_back_to_what_was_best(self, rate, tmp_path):
        gan = RecurrentGAN(**{**QUICK, "steps": 300, "rate": rate, "clip": None}).fit(series())
        assert np.isfinite(gan.sample(20)).all()
        gan.save(tmp_path)
        assert np.array_equal(RecurrentGAN.load(tmp_path).sample(2), gan.sample(2))

    def test_a_failed_fit_leaves_no_half_model(self):
        gan = RecurrentGAN(**{**QUICK, "steps": 0}).fit(series())
        with pytest.raises(ZeroDivisionError):
            gan.set_params(callbacks=[lambda row: 1 / 0], steps=2).fit(series())
        with pytest.raises(NotFittedError):
            gan.sample(1)
        gan.set_params(callbacks=None, steps=0).fit(series()).sample(1)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (
                {"cell": "lsmt"},
                r"cell='lsmt' is not known; choose one of \['lstm', 'gru', 'rnn'\]. Did you mean 'lstm'",
            ),
            ({"cell": None}, r"cell=None is not known; choose one of"),
            ({"scaler": "minimax"}, r"scaler='minimax' is not known; choose one of \['auto', .*Did you mean 'minmax'"),
            ({"bounds": "seen"}, r"bounds='seen' is not known; use 'observed', None or a mapping"),
            ({"static": "sex"}, r"static='sex' must be a list of columns; write static=\['sex'\]"),
            ({"window": 0}, r"window=0 is not allowed; it must be an integer of at least 1"),
            ({"window": 61}, r"window=61 is longer than every sequence: the longest has 60 rows. Choose .* at most 60"),
            ({"stride": -1}, r"stride=-1 is not allowed; it must be an integer of at least 1"),
            *(
                ({name: value}, rf"{name}={value} is not allowed; it must be a whole number of at least 1")
                for name in ("hidden", "units", "layers", "mixture", "batch_size", "critic_steps", "penalty_every")
                for value in (0, -3, 2.5, True)
            ),
            *(
                (
                    {name: 10**9},
                    rf"{name}=1000000000 is not allowed; it must be .* of at least 1 and below 100000 or None",
                )
                for name in ("hidden", "units", "batch_size")
            ),
            *(
                ({name: -0.5}, rf"{name}=-0.5 is not allowed; it must be a number of at least 0")
                for name in ("decay", "adversarial", "penalty")
            ),
            *(
                ({name: value}, rf"{name}={value} is not allowed; it must be a number of at least 0 and below 1")
                for name in ("average", "dropout")
                for value in (-0.5, 1.0)
            ),
            *(
                ({name: 0}, rf"{name}=0 is not allowed; it must be a number above 0")
                for name in ("rate", "generator_rate", "critic_rate", "max_time", "clip")
            ),
            ({"steps": -1}, r"steps=-1 is not allowed; it must be a whole number of at least 0 or None"),
            (
                {"adversarial_steps": -1},
                r"adversarial_steps=-1 is not allowed; it must be a whole number of at least 0",
            ),
            ({"loss": "wgangp"}, r"loss='wgangp' is not known; choose one of .* Did you mean 'wgan-gp'\?"),
            ({"steps": 2.5}, r"steps=2.5 is not allowed; it must be a whole number of at least 0 or None"),
            ({"max_time": float("nan")}, r"max_time=nan is not allowed"),
            ({"rate": float("inf")}, r"rate=inf is not allowed"),
            ({"max_time": "ten"}, r"max_time='ten' is not allowed; it must be a number above 0 or None"),
            ({"device": "warp9"}, r"device='warp9' cannot be used on this machine; choose 'cpu', 'auto', or an accel"),
            ({"random_state": -1}, r"random_state=-1 cannot seed anything; pass a non-negative int, a numpy Generator"),
            ({"random_state": "x"}, r"random_state='x' cannot seed anything"),
            (
                {"callbacks": print},
                r"callbacks=<built-in function print> is not allowed; it must be a list of functions",
            ),
            ({"callbacks": [3]}, r"callbacks=\[3\] is not allowed; it must be a list of functions or None"),
        ],
        ids=str,
    )
    def test_parameters(self, options, text):
        gan = RecurrentGAN(**{**QUICK, **options})
        with pytest.raises(ParameterError, match=text):
            gan.fit(series(60))
        with pytest.raises(NotFittedError):
            gan.sample(1)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"n": 0}, r"n=0 is not allowed; it must be a whole number of at least 1"),
            ({"n": -5}, r"n=-5 is not allowed"),
            ({"n": 2.5}, r"n=2.5 is not allowed"),
            ({"n": True}, r"n=True is not allowed"),
            ({"length": 0}, r"length=0 is not allowed; it must be a whole number of at least 1 or None"),
            ({"length": 2.0}, r"length=2.0 is not allowed"),
            ({"random_state": -1}, r"random_state=-1 cannot seed anything"),
            ({"start": "2024-01-01"}, r"start='2024-01-01' needs time stamps, and the fitted data had none"),
        ],
        ids=str,
    )
    def test_arguments_of_sample(self, arguments, text, learned):
        with pytest.raises(ParameterError, match=text):
            learned.sample(**{"n": 1, **arguments})

    def test_no_number_of_sequences_is_one(self, learned):
        assert np.array_equal(learned.sample(), learned.sample(1))
        assert np.array_equal(learned.sample(n=None, length=7), learned.sample(1, 7))

    @unimproved
    def test_numpy_numbers_are_numbers(self):
        options = {"hidden": np.int64(4), "steps": np.int32(1), "rate": np.float32(1e-3), "window": np.int64(4)}
        assert RecurrentGAN(**{**QUICK, **options}).fit(series()).sample(np.int64(2), np.int64(3)).shape == (2, 3, 2)


def test_neither_training_nor_sampling_leaves_a_trace(learned):
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    again = RecurrentGAN(**LEARNS).fit(series())
    assert np.array_equal(again.sample(2), learned.sample(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
