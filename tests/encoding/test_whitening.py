"""Whitened channels are uncorrelated with unit variance, and exact dependences come back."""

import numpy as np
import pytest

from tsgan.encoding.whitening import Whitening


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) * [1, 1e6, 1e-6, 1] + [0, 1e9, 0, 5]
    return np.column_stack([x, x[:, 0] + 2 * x[:, 3], x[:, 1]])


def test_channels_are_white(table):
    z = Whitening.fit(table).forward(table)
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(4), atol=1e-6)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)


def test_exact_dependences_are_dropped_and_restored(table):
    whitening = Whitening.fit(table)
    assert whitening.channels == 4
    made = whitening.inverse(np.random.default_rng(1).normal(size=(100, 4)))
    np.testing.assert_allclose(made[:, 4], made[:, 0] + 2 * made[:, 3], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made[:, 5], made[:, 1], rtol=1e-12)


def test_round_trip_in_single_precision(table):
    whitening = Whitening.fit(table)
    back = whitening.inverse(whitening.forward(table).astype(np.float32))
    np.testing.assert_allclose(back, table, rtol=0, atol=(2e-6 * table.std(axis=0)).max())
    assert (np.abs(back - table).max(axis=0) < 2e-6 * table.std(axis=0)).all()


def test_blocks_of_rows_agree_with_one_product(table):
    whitening = Whitening.fit(table)
    z = np.random.default_rng(2).normal(size=(70_000, 4))
    slow = (z * whitening.spread) @ whitening.axes.T * whitening.scale + whitening.mean
    np.testing.assert_allclose(whitening.inverse(z), slow)


def test_small_differences_between_near_copies_get_their_own_channel():
    rng = np.random.default_rng(0)
    base = np.cumsum(rng.normal(size=2000))
    x = np.column_stack([base, base + 0.01 * base.std() * rng.normal(size=2000)])
    whitening = Whitening.fit(x)
    assert whitening.channels == 2
    assert whitening.forward(x).std(axis=0) == pytest.approx([1, 1])


def test_without_rotation_each_column_is_standardised(table):
    whitening = Whitening.fit(table, rotate=False)
    assert whitening.channels == 6
    np.testing.assert_allclose(whitening.forward(table).std(axis=0), 1)


@pytest.mark.parametrize("columns", [0, 1])
def test_few_columns(columns):
    x = np.random.default_rng(0).normal(3, 2, size=(10, columns))
    whitening = Whitening.fit(x)
    assert whitening.channels == columns
    np.testing.assert_allclose(whitening.inverse(whitening.forward(x)), x)


def test_signs_are_fixed(table):
    axes = Whitening.fit(table).axes
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] > 0).all()


def test_state_round_trip(table):
    whitening = Whitening.fit(table)
    again = Whitening.from_state(whitening.state())
    np.testing.assert_array_equal(again.forward(table), whitening.forward(table))
