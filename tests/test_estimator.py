"""RecurrentGAN: every choice trains and samples; training is watched, limited, interrupted, and says what it did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan import GaussianCopulaProcess, RecurrentGAN
from tsgan.errors import NotFittedError, ParameterError, TrainingError, TsganWarning
from tsgan.losses import LOSSES
from tsgan.networks import CELLS

QUICK = {"window": 4, "steps": 2, "checks": 1, "hidden": 4, "matching": 0.0, "verbose": False, "random_state": 0}
WHITE = {**QUICK, "noise": "white"}
unimproved = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


def series(rows: int = 160) -> np.ndarray:
    """A noisy circle, unlike any linear-Gaussian process; 160 rows leave 20 windows to hold back."""
    turn = np.arange(rows) / 3
    noise = np.random.default_rng(0).normal(size=(rows, 2)) / 20
    return np.stack([np.sin(turn), np.sign(np.cos(turn))], axis=1) + noise


@unimproved
class TestEveryChoice:
    @pytest.mark.parametrize("cell", CELLS)
    @pytest.mark.parametrize("loss", LOSSES)
    def test_loss_and_cell(self, loss, cell):
        gan = RecurrentGAN(**QUICK, loss=loss, cell=cell).fit(series())
        assert gan.sample(3).shape == (3, 4, 2)
        assert np.isfinite(gan.sample(2, length=20)).all()
        assert [row["step"] for row in gan.history_] == [1, 2]

    @pytest.mark.parametrize(
        "options",
        [
            {"noise": "white"},
            {"noise": "coloured"},
            {"noise": "auto"},
            {"regimes": 1},
            {"regimes": 3},
            {"layers": 2},
            {"noise_sequence": 0},
            {"noise_step": 0},
            {"noise_sequence": 0, "noise_step": 0, "noise": "white"},
            {"matching": 1.0, "adversarial": 0.0},
            {"average": 0.0},
            {"input_noise": 0.1},
            {"clip": 1.0},
            {"penalty": 0.0},
            {"penalty": 1.0, "penalty_every": 1},
            {"exact_penalty": True},
            {"critic_steps": 1},
            {"transport": 0.0},
            {"stride": 2, "steps": 1},
            {"scaler": "standard"},
            {"device": "auto"},
        ],
        ids=str,
    )
    def test_option(self, options):
        gan = RecurrentGAN(**{**QUICK, **options}).fit(series(400 if "stride" in options else 160))
        assert gan.history_[-1]["step"] == gan.steps
        assert np.isfinite(gan.sample(3)).all()

    def test_an_option_changes_what_is_learned(self):
        base = RecurrentGAN(**WHITE).fit(series(60)).sample(2)
        for option in ({"loss": "hinge"}, {"cell": "gru"}, {"generator_rate": 0.1}, {"transport": 0.0}, {"average": 0}):
            other = RecurrentGAN(**{**WHITE, **option}).fit(series(60)).sample(2)
            assert np.array_equal(base, other) == ("transport" in option)  # white noise has nothing to move away from

    def test_noise(self):
        few = np.random.default_rng(0).normal(size=(20, 12))
        assert RecurrentGAN(**WHITE).fit(series(60))._process is None
        assert RecurrentGAN(**{**QUICK, "noise": "auto"}).fit(few)._process is None
        gan = RecurrentGAN(**{**QUICK, "noise": "auto", "regimes": 3}).fit(series())
        assert len(gan._process.regimes.weights) == 3

    @pytest.mark.slow
    def test_training_helps_where_there_is_something_to_learn(self):
        options = {"window": 8, "steps": 200, "hidden": 32, "checks": 4, "average": 0.98, "noise": "white"}
        gan = RecurrentGAN(**options, verbose=False, random_state=0).fit(series(600))
        assert gan.trained_
        separations = [row["separation"] for row in gan.history_ if row["separation"] is not None]
        assert len(separations) == 4
        assert separations[-1] < 0.7 * separations[0]


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
    @pytest.mark.parametrize("noise", ["coloured", "white"])
    def test_ragged_panels_train(self, noise):
        gan = RecurrentGAN(**{**QUICK, "window": None, "noise": noise}, entity="who", time="step", static=["long"])
        made = gan.fit(self.panel()).sample(300)
        assert [row["step"] for row in gan.history_] == [1, 2]
        assert set(made.groupby("who").size()) == {3, 4, 5, 6}
        assert made["who"].min() == 220
        assert made["who"].nunique() == 300
        if noise == "coloured":
            assert (made.groupby("who").size() > 4).eq(made.groupby("who")["long"].first()).mean() > 0.8
            assert abs((made["c"] == "red").mean() - 0.8) < 0.06
            assert made.groupby("long")["x"].mean().diff().iloc[1] > 2

    @unimproved
    def test_sequences_longer_than_the_window_keep_their_lengths(self):
        gan = RecurrentGAN(**{**QUICK, "window": 3}, entity="who", time="step", static=["long"])
        assert set(gan.fit(self.panel()).sample(200).groupby("who").size()) == {3, 4, 5, 6}


class TestKeepingTheStart:
    def test_an_untrained_generator_is_the_closed_form(self):
        with pytest.warns(
            TsganWarning, match=r"training did not improve on the untrained start \(separation from held-"
        ):
            gan = RecurrentGAN(**{**QUICK, "regimes": 1, "generator_rate": 1.0, "adversarial": 1.0}).fit(series())
        assert gan.trained_ is False
        start = gan._process
        closed = GaussianCopulaProcess(window=4, scaler="auto", random_state=0).fit(series())
        for name, array in closed._process.arrays().items():
            np.testing.assert_allclose(array, start.arrays()[name], err_msg=name)
        ours, theirs = gan.sample(4000, random_state=1), closed.sample(4000, random_state=1)
        np.testing.assert_allclose(np.cov(ours[:, 0].T), np.cov(theirs[:, 0].T), atol=0.05)

    def test_too_few_windows(self):
        with pytest.warns(TsganWarning, match=r"too few windows \(17\) to hold some back and prove .* start is kept"):
            gan = RecurrentGAN(**QUICK).fit(series(20))
        assert gan.trained_ is False
        assert gan.history_ == []
        assert gan.sample(2).shape == (2, 4, 2)

    def test_white_noise_is_trained_even_on_few_windows(self):
        gan = RecurrentGAN(**WHITE).fit(series(20))
        assert gan.trained_ is True
        assert gan.history_[-1]["separation"] is None

    def test_constants_need_no_training(self):
        with pytest.warns(
            TsganWarning, match="every column is constant, there is nothing to train; the untrained start"
        ):
            gan = RecurrentGAN(**QUICK).fit(np.full((100, 2), 4.0))
        assert (gan.sample(5) == 4.0).all()

    def test_a_constant_column_beside_others(self):
        table = pd.DataFrame(series(60), columns=["x", "y"]).assign(one="same", two=2)
        made = RecurrentGAN(**WHITE).fit(table).sample(5)
        assert (made["one"] == "same").all()
        assert (made["two"] == 2).all()


@unimproved
class TestLimits:
    def test_steps(self):
        gan = RecurrentGAN(**{**WHITE, "steps": 7}).fit(series(60))
        assert gan.history_[-1]["step"] == 7

    def test_epochs(self):
        gan = RecurrentGAN(**{**WHITE, "steps": None, "epochs": 12, "batch_size": 8, "critic_steps": 2}).fit(series(60))
        assert gan.history_[-1]["step"] == round(12 * 57 / 16)
        assert gan.history_[-1]["epoch"] == pytest.approx(12, rel=0.02)

    def test_the_first_limit_ends_training(self):
        gan = RecurrentGAN(**{**WHITE, "steps": 3, "epochs": 100.0, "max_time": 60}).fit(series(60))
        assert gan.history_[-1]["step"] == 3

    def test_max_time(self):
        gan = RecurrentGAN(**{**WHITE, "steps": None, "max_time": 0.3}).fit(series(60))
        assert 0.3 <= gan.history_[-1]["seconds"] < 3


@unimproved
class TestWatching:
    def test_history(self):
        gan = RecurrentGAN(**{**QUICK, "steps": 6, "checks": 3}).fit(series())
        table = pd.DataFrame(gan.history_)
        columns = ["step", "epoch", "seconds", "critic", "generator", "penalty", "correction", "separation"]
        assert list(table.columns) == columns
        assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
        assert table["separation"].notna().tolist() == [False, True, False, True, False, True]
        assert table["seconds"].is_monotonic_increasing
        assert np.isfinite(table.drop(columns="separation").to_numpy()).all()

    def test_history_survives_saving(self, tmp_path):
        gan = RecurrentGAN(**WHITE).fit(series(60))
        gan.save(tmp_path)
        loaded = RecurrentGAN.load(tmp_path)
        assert loaded.history_ == gan.history_
        assert loaded.trained_ is True

    def test_callbacks_see_each_row_and_can_stop(self):
        seen = []

        def watch(row):
            seen.append(row.step)
            return row.step == 3

        gan = RecurrentGAN(**{**WHITE, "steps": 50, "callbacks": [watch, lambda row: None]}).fit(series(60))
        assert seen == [1, 2, 3]
        assert len(gan.history_) == 3

    def test_callbacks_do_not_change_what_is_learned(self):
        plain = RecurrentGAN(**WHITE).fit(series(60)).sample(2)
        watched = RecurrentGAN(**WHITE, callbacks=[lambda row: None]).fit(series(60)).sample(2)
        assert np.array_equal(plain, watched)

    def test_a_stop_is_measured(self):
        gan = RecurrentGAN(**{**QUICK, "steps": 50, "callbacks": [lambda row: row.step == 2]}).fit(series())
        assert len(gan.history_) == 2
        assert gan.sample(1).shape == (4, 2)

    def test_progress(self, capsys):
        RecurrentGAN(**{**WHITE, "verbose": True}).fit(series(60))
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "training |" in shown.err
        assert "100 %" in shown.err
        assert "critic" in shown.err
        RecurrentGAN(**WHITE).fit(series(60))
        assert capsys.readouterr().err == ""


class TestInterrupted:
    @staticmethod
    def at(step: int):
        def interrupt(row):
            if row.step == step:
                raise KeyboardInterrupt

        return [interrupt]

    def test_what_was_learned_is_kept(self, tmp_path):
        with pytest.warns(
            TsganWarning, match=r"training was interrupted after 5 steps; what was learned until then is"
        ):
            gan = RecurrentGAN(**{**WHITE, "steps": 50, "callbacks": self.at(5)}).fit(series(60))
        assert gan.trained_
        assert len(gan.history_) == 5
        short = RecurrentGAN(**{**WHITE, "steps": 1}).fit(series(60))
        assert not np.array_equal(gan.sample(2), short.sample(2))
        gan.save(tmp_path)
        assert np.array_equal(RecurrentGAN.load(tmp_path).sample(2), gan.sample(2))

    def test_it_is_measured_before_it_is_kept(self):
        options = {"steps": 50, "callbacks": self.at(3), "generator_rate": 1.0, "adversarial": 1.0}
        with pytest.warns(TsganWarning) as caught:
            gan = RecurrentGAN(**{**QUICK, **options}).fit(series())
        assert not gan.trained_
        assert [str(warning.message).split(" (")[0] for warning in caught] == [
            "training was interrupted after 3 steps",
            "training did not improve on the untrained start",
        ]
        assert gan.sample(1).shape == (4, 2)


class TestFailing:
    def test_divergence(self):
        text = (
            r"training diverged at step \d+ \(critic .*, generator .*, penalty .*\); lower generator_rate and critic_"
        )
        gan = RecurrentGAN(**{**WHITE, "steps": 60, "critic_rate": 1e8, "generator_rate": 1e8, "penalty": 0.0})
        with pytest.raises(TrainingError, match=text):
            gan.fit(series(60))
        with pytest.raises(NotFittedError, match=r"call fit\(df\) first"):
            gan.sample(1)

    def test_a_failed_fit_leaves_no_half_model(self):
        gan = RecurrentGAN(**WHITE).fit(series(60))
        with pytest.raises(ZeroDivisionError):
            gan.set_params(callbacks=[lambda row: 1 / 0]).fit(series(60))
        with pytest.raises(NotFittedError):
            gan.sample(1)
        gan.set_params(callbacks=None).fit(series(60)).sample(1)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (
                {"loss": "wgangp"},
                r"loss='wgangp' is not known; choose one of \[.*'hinge'.*\]. Did you mean 'wgan-gp'\?",
            ),
            (
                {"cell": "lsmt"},
                r"cell='lsmt' is not known; choose one of \['lstm', 'gru', 'rnn'\]. Did you mean 'lstm'",
            ),
            ({"cell": None}, r"cell=None is not known; choose one of"),
            ({"noise": "colored"}, r"noise='colored' is not known; choose one of \['auto', 'coloured', 'white'\]. Did"),
            ({"scaler": "minimax"}, r"scaler='minimax' is not known; choose one of \['auto', .*Did you mean 'minmax'"),
            ({"regimes": "atuo"}, r"regimes='atuo' is not known; choose one of \['auto'\]. Did you mean 'auto'\?"),
            ({"regimes": 0}, r"regimes=0 is not allowed; it must be a whole number of at least 1"),
            ({"regimes": 1.5}, r"regimes=1.5 is not allowed; it must be a whole number of at least 1"),
            ({"bounds": "seen"}, r"bounds='seen' is not known; use 'observed', None or a mapping"),
            ({"static": "sex"}, r"static='sex' must be a list of columns; write static=\['sex'\]"),
            ({"window": 0}, r"window=0 is not allowed; it must be an integer of at least 1"),
            ({"window": 61}, r"window=61 is longer than every sequence: the longest has 60 rows. Choose .* at most 60"),
            ({"stride": -1}, r"stride=-1 is not allowed; it must be an integer of at least 1"),
            *(
                ({name: value}, rf"{name}={value} is not allowed; it must be a whole number of at least 1")
                for name in ("hidden", "layers", "batch_size", "critic_steps", "penalty_every", "checks")
                for value in (0, -3, 2.5, True)
            ),
            *(
                ({name: -1}, rf"{name}=-1 is not allowed; it must be a whole number of at least 0")
                for name in ("noise_sequence", "noise_step")
            ),
            *(
                ({name: -0.5}, rf"{name}=-0.5 is not allowed; it must be a number of at least 0")
                for name in ("transport", "matching", "adversarial", "average", "input_noise", "penalty")
            ),
            *(
                ({name: 0}, rf"{name}=0 is not allowed; it must be a number above 0")
                for name in ("generator_rate", "critic_rate", "epochs", "max_time", "clip")
            ),
            ({"steps": 0}, r"steps=0 is not allowed; it must be a whole number of at least 1 or None"),
            ({"max_time": float("nan")}, r"max_time=nan is not allowed"),
            ({"generator_rate": float("inf")}, r"generator_rate=inf is not allowed"),
            ({"epochs": "ten"}, r"epochs='ten' is not allowed; it must be a number above 0 or None"),
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
        gan = RecurrentGAN(**{**WHITE, **options})
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
    def test_arguments_of_sample(self, arguments, text):
        gan = RecurrentGAN(**WHITE).fit(series(60))
        with pytest.raises(ParameterError, match=text):
            gan.sample(**{"n": 1, **arguments})

    def test_no_number_of_sequences_is_one(self):
        gan = RecurrentGAN(**WHITE).fit(series(60))
        assert np.array_equal(gan.sample(), gan.sample(1))
        assert np.array_equal(gan.sample(n=None, length=7), gan.sample(1, 7))

    def test_numpy_numbers_are_numbers(self):
        options = {"hidden": np.int64(4), "steps": np.int32(1), "critic_rate": np.float32(1e-3), "window": np.int64(4)}
        assert RecurrentGAN(**{**WHITE, **options}).fit(series(60)).sample(np.int64(2), np.int64(3)).shape == (2, 3, 2)


def test_a_sample_leaves_no_graph_behind():
    gan = RecurrentGAN(**WHITE).fit(series(60))
    gan.sample(2)
    assert not any(p.grad is not None and p.grad.requires_grad for p in gan._generator.parameters())
    assert torch.is_grad_enabled()
