"""What the channels mean: sizes, learned lengths, and the way to JSON and back."""

import json

import numpy as np
import pytest
from scipy.special import ndtri

from tsgan.layout import MOST, Block, Layout, static_features, to_latents

CATEGORY = Block("kind", "softmax", 3, (-0.5, 0.5))
LENGTHS = Block("steps", "length", 1, (-0.5, 1.0), (3, 5, 9))
LAYOUT = Layout(
    (Block("x", "continuous", 2), CATEGORY, Block("y", "continuous", 1)),
    (Block("s", "continuous", 2), CATEGORY, LENGTHS),
    covariates=4,
)


def test_sizes():
    assert (LAYOUT.channels, LAYOUT.latents) == (6, 4)
    assert LAYOUT.static_channels == 6
    assert [block.latents for block in LAYOUT.blocks] == [2, 1, 1]
    assert (Layout(()).channels, Layout(()).latents) == (0, 0)


def test_the_length_block_is_found():
    assert LAYOUT.length_block is LENGTHS
    assert Layout(LAYOUT.blocks).length_block is None


def test_lengths_of_statics():
    statics = np.zeros((5, 6))
    statics[:, :5] = 9.0  # not the length's channel
    statics[:, 5] = [-3, -0.51, -0.49, 0.99, 4]
    lengths = LAYOUT.lengths_of(statics)
    assert lengths.tolist() == [3, 3, 5, 5, 9]
    assert lengths.dtype == np.int64


def test_one_length_only():
    only = Layout((), (Block("steps", "length", 1, (), (7,)),))
    assert only.lengths_of(np.array([[-9.0], [0.0], [9.0]])).tolist() == [7, 7, 7]


def test_lengths_without_a_block():
    with pytest.raises(ValueError, match="this layout has no length block"):
        Layout(LAYOUT.blocks).lengths_of(np.zeros((1, 0)))


def test_to_json_and_back():
    again = Layout.from_dict(json.loads(json.dumps(LAYOUT.to_dict())))
    assert again == LAYOUT
    assert isinstance(again.blocks[1].cuts, tuple)
    assert isinstance(again.statics[2].levels[0], int)
    assert Layout.from_dict(Layout(()).to_dict()) == Layout(())


def test_numpy_numbers_become_plain_ones():
    layout = Layout((Block("k", "softmax", 2, tuple(np.array([0.25]))),))
    assert Layout.from_dict(layout.to_dict()) == layout
    assert json.dumps(layout.to_dict())


class TestStaticFeatures:
    """What statics say as numbers: of a category all levels but the most frequent, which the others imply."""

    def test_the_most_frequent_level_is_left_out(self):
        blocks = (
            Block("age", "continuous", 2),
            Block("ward", "softmax", 3, tuple(ndtri([0.2, 0.9]))),
            LENGTHS,
        )
        statics = np.arange(12, dtype=np.float32).reshape(2, 6)
        assert static_features(statics, blocks).tolist() == [[0, 1, 2, 4, 5], [6, 7, 8, 10, 11]]

    def test_rows_that_differ_are_told_apart(self):
        block = Block("ward", "softmax", 4, tuple(ndtri([0.1, 0.3, 0.6])))
        said = static_features(np.eye(4, dtype=np.float32), (block,))
        assert said.shape == (4, 3)
        assert len({tuple(row) for row in said.tolist()}) == 4

    def test_of_many_levels_the_most_frequent_ones_count(self):
        shares = np.arange(1, 101) / np.arange(1, 101).sum()  # the last is the most frequent
        block = Block("city", "softmax", 100, tuple(ndtri(shares.cumsum()[:-1])))
        said = static_features(np.eye(100, dtype=np.float32), (block,))
        assert said.shape == (100, MOST)
        assert np.flatnonzero(said.any(axis=1)).tolist() == list(range(99 - MOST, 99))

    def test_nothing(self):
        assert static_features(np.zeros((3, 0), np.float32), ()).shape == (3, 0)


def test_an_unknown_level_is_at_zero():
    values = np.array([[1, 0, 0], [np.nan] * 3, [0, 0, 1]], dtype=np.float32)
    latents = to_latents(values, (CATEGORY,))
    assert latents[1] == 0
    assert latents[0] < 0 < latents[2]


@pytest.mark.parametrize("key", ["blocks", "statics", "covariates"])
def test_a_missing_part_is_noticed(key):
    data = LAYOUT.to_dict()
    del data[key]
    with pytest.raises(KeyError, match=key):
        Layout.from_dict(data)


def test_a_layout_cannot_be_changed():
    with pytest.raises(AttributeError):
        LAYOUT.blocks[0].size = 3
