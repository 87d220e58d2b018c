"""Drawing: streams of their own for each block, bounded memory, statics and lengths before the steps."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan import RecurrentGAN
from tsgan.encoding.assembling import Decoded
from tsgan.estimator.drawing import BLOCK, BLOCK_VALUES, Drawer, Order, completed, spread
from tsgan.layout import Layout, Number
from tsgan.panel import Panel

SEED = np.random.SeedSequence(7)
LENGTHS = Number("length", grid=np.array([-1.0, 0.0, 1.0]))


def _places(lengths):
    """Return the number of each row in its sequence, `(rows, 1)`."""
    return np.concatenate([np.arange(n) for n in lengths])[:, None].astype(np.float32)


def _encoder(width, statics=(), covariates=0, lengths=(100,), window=24):
    """Return what a drawer asks of an encoder; its clocks start at a number drawn for each sequence."""
    cells = tuple(Number(f"x{j}") for j in range(width))
    differ = tuple(lengths) if statics and statics[-1] is LENGTHS else ()
    stages = SimpleNamespace(
        layout=Layout(cells, statics, covariates, differ),
        lengths=np.array(lengths),
        window=window,
        wandering=False,
        starts=lambda statics, lengths, start, rng, held: rng.normal(size=len(lengths)),
        covariates=lambda lengths, starts, *_: np.repeat(_places(lengths), covariates, axis=1),
    )
    return SimpleNamespace(
        stages=stages,
        decode=lambda panel, starts, rng, **_: Decoded({"x": panel.values[:, 0], "start": starts}, panel.lengths, None),
    )


def _drawer(width=2, statics=(), draw=None, at_once=1, **options):
    def normal(given, rng):
        return rng.normal(size=(*given.shape, width))

    model = SimpleNamespace(
        at_once=at_once,
        draw=_each(draw or normal),
        draw_statics=lambda n, rng: rng.choice([-1.0, 0.0, 1.0], size=(n, len(statics))),
    )
    return Drawer(_encoder(width, statics, **options), model)


def _each(draw):
    """Return what draws some blocks, one after the other."""
    return lambda *blocks: [draw(*block) for block in blocks]


def _panel(n, length=5, width=2, seed=SEED, **options):
    parts = [panel for panel, _, _ in _drawer(width, **options).panels(Order(n, length), seed)]
    names = ("values", "lengths", "statics", "covariates")
    return Panel(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class TestBlocks:
    @pytest.mark.parametrize("n", [BLOCK + 1, BLOCK + 300, 2 * BLOCK])
    def test_a_block_does_not_depend_on_how_many_follow(self, n):
        first, more = _panel(BLOCK), _panel(n)
        assert len(more) == n
        assert np.array_equal(more.values[: BLOCK * 5], first.values)

    def test_neither_do_its_statics_lengths_and_starts(self):
        drawer = _drawer(statics=(Number("age"), LENGTHS), lengths=(2, 5, 9))
        first, _, _ = next(drawer.panels(Order(BLOCK), SEED))
        panel, _, _ = next(drawer.panels(Order(BLOCK + 9), SEED))
        for name in ("values", "lengths", "statics"):
            assert np.array_equal(getattr(first, name), getattr(panel, name))
        assert np.array_equal(*(next(drawer.panels(Order(n), SEED))[1] for n in (BLOCK, BLOCK + 9)))

    @pytest.mark.parametrize("at_once", [2, 8])
    def test_they_are_the_same_where_several_are_drawn_at_once(self, at_once):
        asked = []

        def normal(given, rng):
            asked.append(len(given.statics))
            return rng.normal(size=(*given.shape, 2))

        one, many = (_panel(2 * BLOCK + 300, at_once=count, draw=normal) for count in (1, at_once))
        assert np.array_equal(one.values, many.values)
        assert asked == 2 * [BLOCK, BLOCK, 300]
        order = Order(5 * BLOCK, 5)
        some = _drawer(at_once=at_once).panels(order, SEED, range(1, 3))
        alone = _drawer().panels(order, SEED, range(1, 3))
        assert all(np.array_equal(a.values, b.values) for (a, _, _), (b, _, _) in zip(some, alone, strict=True))

    def test_blocks_differ(self):
        values = _panel(2 * BLOCK).values.reshape(2, -1)
        assert np.abs(values[0] - values[1]).mean() > 0.5
        assert abs(np.corrcoef(values)[0, 1]) < 0.1

    def test_the_seed_decides(self):
        assert np.array_equal(_panel(9).values, _panel(9).values)
        assert not np.array_equal(_panel(9).values, _panel(9, seed=np.random.SeedSequence(8)).values)
        assert not np.array_equal(_panel(9).values, _panel(9, seed=np.random.SeedSequence(7, spawn_key=(1,))).values)

    def test_drawing_leaves_the_seed_as_it_was(self):
        before = SEED.n_children_spawned
        _panel(BLOCK + 9)
        assert SEED.n_children_spawned == before

    @pytest.mark.parametrize(("length", "width"), [(24, 6), (1000, 10), (10_000, 100), (10**6, 3), (1, 0)])
    def test_blocks_are_bounded(self, length, width):
        asked = []

        def nothing(given, rng):
            asked.append(given.shape)
            raise StopIteration

        with pytest.raises(RuntimeError, match="generator raised StopIteration"):
            list(_drawer(width, draw=nothing).panels(Order(9999, length), SEED))
        count, steps = asked[0]
        assert steps == length
        assert 1 <= count <= BLOCK
        assert count == 1 or count * length * width <= BLOCK_VALUES
        assert count == BLOCK or 2 * count * length * (width + 32) > BLOCK_VALUES  # no smaller than need be

    def test_all_blocks_together_are_what_was_asked(self):
        sizes = [len(panel) for panel, _, _ in _drawer(60).panels(Order(300, 1000), SEED)]
        assert sum(sizes) == 300
        assert len(set(sizes[:-1])) == 1
        assert sizes[-1] <= sizes[0] < BLOCK

    def test_is_lazy(self):
        made = _drawer(draw=lambda *_: pytest.fail("too early")).rows(Order(10**9, 10), SEED)
        assert iter(made) is made


class TestKnown:
    """What the steps are drawn given is drawn before them."""

    def test_lengths_are_those_that_the_statics_say(self):
        panel = _panel(2000, None, statics=(LENGTHS,), lengths=(2, 5, 9))
        assert np.array_equal(panel.lengths, Layout((), (LENGTHS,), lengths=(2, 5, 9)).lengths_of(panel.statics))
        assert set(panel.lengths) == {2, 5, 9}

    def test_a_length_that_is_asked_for_rules(self):
        panel = _panel(20, 4, statics=(LENGTHS,), lengths=(2, 5, 9))
        assert set(panel.lengths) == {4}

    @pytest.mark.parametrize(("lengths", "length"), [((100,), 24), ((7, 7, 7), 7)])
    def test_lengths_by_default(self, lengths, length):
        """Of one long series a window, of sequences of one length that length."""
        assert set(_panel(5, None, lengths=lengths).lengths) == {length}

    @pytest.mark.parametrize(("length", "ends"), [(None, True), (6, False)])
    def test_what_is_given_reaches_the_model(self, length, ends):
        seen = []

        def zeros(given, rng):
            seen.append(given)
            return np.zeros((*given.shape, 1))

        drawer = _drawer(1, (LENGTHS,), zeros, covariates=3, lengths=(2, 5, 9))
        panel, _, _ = next(drawer.panels(Order(40, length), SEED))
        assert np.array_equal(seen[0].statics, panel.statics)
        assert seen[0].covariates.shape == (40, length or 9, 3)
        assert np.array_equal(panel.covariates, np.repeat(_places(panel.lengths), 3, axis=1))
        assert np.array_equal(seen[0].covariates, spread(panel.covariates, panel.lengths))
        assert (seen[0].lengths is not None) == ends
        if ends:
            assert np.array_equal(seen[0].lengths, panel.lengths)

    def test_rows_are_those_of_the_panels(self):
        drawer, order = _drawer(), Order(BLOCK + 9, 3)
        panels = list(drawer.panels(order, SEED))
        for rows, (panel, starts, _) in zip(drawer.rows(order, SEED), panels, strict=True):
            assert np.array_equal(rows.values["x"], panel.values[:, 0])
            assert np.array_equal(rows.values["start"], starts)
            assert np.array_equal(rows.lengths, panel.lengths)


def test_spread():
    rows = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
    made = spread(rows, np.array([3, 1, 2]))
    assert made.shape == (3, 3, 2)
    assert made.dtype == np.float32
    assert made[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert made[1].tolist() == [[7, 8], [0, 0], [0, 0]]
    assert made[2].tolist() == [[9, 10], [11, 12], [0, 0]]
    assert spread(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)).shape == (0, 0, 2)


class TestCompleting:
    """Only what is not known is drawn, and only sequences of which something is not known."""

    @staticmethod
    def panel():
        rng = np.random.default_rng(0)
        lengths = np.array([3, 5, 2, 5])
        return Panel(rng.normal(size=(15, 2)), lengths, np.zeros((4, 0)))

    def test_known_cells_stay_and_others_are_drawn(self):
        panel, seen = self.panel(), []

        def nines(given, rng):
            seen.append(given)
            return np.where(given.known, given.values, 9.0)

        unknown = np.zeros((15, 2), dtype=bool)
        unknown[[1, 14], [0, 1]] = True
        made = completed(SimpleNamespace(draw=_each(nines)), panel, unknown, np.random.default_rng(0))
        assert np.array_equal(made.values, np.where(unknown, 9.0, panel.values))
        assert sorted(length for given in seen for length in given.lengths) == [3, 5]

    def test_nothing_unknown_asks_nothing(self):
        panel = self.panel()
        model = SimpleNamespace(draw=lambda *_: pytest.fail("not needed"))
        made = completed(model, panel, np.zeros((15, 2), dtype=bool), np.random.default_rng(0))
        assert np.array_equal(made.values, panel.values)

    def test_unknown_statics_are_drawn_first(self):
        panel = self.panel()
        panel = Panel(panel.values, panel.lengths, np.array([[1.0], [np.nan], [2.0], [np.nan]]))
        seen = []

        def told(known, allowed, rng, filled):
            return np.where(np.isnan(known), 7.0, known)

        def draw(given, rng):
            seen.append(given.statics)
            return given.values

        model = SimpleNamespace(draw=_each(draw), draw_statics_given=told)
        made = completed(model, panel, np.ones((15, 2), dtype=bool), np.random.default_rng(0))
        assert made.statics[:, 0].tolist() == [1, 7, 2, 7]
        assert sorted(np.concatenate(seen)[:, 0]) == [1, 2, 7, 7]


def test_futures_have_the_same_bits_on_one_core_and_on_two():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.sin(np.arange(300) / 5) + 0.1 * rng.normal(size=300)})
    model = RecurrentGAN(steps=0, random_state=0, verbose=False).fit(frame)
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            drawn.append(model.continue_from(frame, 30, 6, random_state=1))
    finally:
        torch.set_num_threads(before)
    pd.testing.assert_frame_equal(*drawn, check_exact=True)
