"""Pictures of training: of both stages, of one, of one that diverged."""

import subprocess
import sys

import pytest

from tsgan import RecurrentGAN
from tsgan.errors import InputError, NotFittedError, ParameterError
from tsgan.evaluation.report.training import plot_history
from tsgan.model.callbacks import History


@pytest.fixture
def rows():
    history = History()
    history.add("likelihood", 0, 0, held_back=-3.6, kept=True)
    history.add("likelihood", 50, 0, loss=3.5, held_back=-3.25, kept=True)
    history.add("likelihood", 100, 0, loss=2.5, held_back=-3.9, kept=False)
    history.add("adversarial", 0, 0, held_back=-3.25, distance=0.85, kept=False)
    history.add("adversarial", 25, 0, loss=3.2, held_back=-3.3, critic=-0.5, penalty=0.2, distance=0.625, kept=True)
    return history.rows


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title)]


def test_both_stages_and_what_was_kept(rows):
    figure = plot_history(rows, True)
    assert len(figure.axes) == 4
    told = texts(figure)
    for text in ("kept: -3.250", "closed form -3.600", "best: 0.625", "second stage: against a critic, kept"):
        assert text in told
    held = next(line for line in figure.axes[0].lines if line.get_label() == "held-back rows")
    assert held.get_ydata().tolist() == [-3.6, -3.25, -3.9]
    assert "second stage: against a critic, not kept, the first stage's is" in texts(plot_history(rows, False))


def test_one_stage(rows):
    assert len(plot_history(rows[:3], False).axes) == 1
    assert len(plot_history(rows[:1], False).axes) == 1


def test_what_diverged_does_not_flatten_the_rest(rows):
    rows[2]["held_back"], rows[2]["loss"] = -1e9, float("nan")
    low, high = plot_history(rows[:3], False).axes[0].get_ylim()
    assert -20 < low < -3.6 < -3.25 < high < 0


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_it_is_written(rows, tmp_path, name):
    assert plot_history(rows, True, tmp_path / name) is None
    assert (tmp_path / name).stat().st_size > 5000


def test_nothing_is_shown_nor_kept_by_pyplot(rows):
    plot_history(rows, True)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_bad_input(rows):
    with pytest.raises(ParameterError, match=r"path='a.doc' must end in one of .png, .svg, .pdf"):
        plot_history(rows, True, "a.doc")
    with pytest.raises(ParameterError, match=r"path='nowhere/a.png': the folder nowhere does not exist; make it first"):
        plot_history(rows, True, "nowhere/a.png")
    with pytest.raises(InputError, match=r"history_ has no rows.*nothing was trained \(steps=0, or too few rows\)"):
        RecurrentGAN(steps=0).fit([[0.0], [1.0], [2.0], [1.5]]).plot_history()
    with pytest.raises(NotFittedError):
        RecurrentGAN().plot_history()


def test_without_matplotlib():
    code = (
        "import sys\nsys.modules['matplotlib'] = None\nfrom tsgan.evaluation.report.training import plot_history\n"
        "plot_history([{'stage': 'likelihood'}], False)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "a plot needs matplotlib; install it with: pip install tsgan[report]" in done.stderr
