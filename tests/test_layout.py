"""What the channels mean: sizes, learned lengths, and the way to JSON and back."""

import json

import numpy as np
import pytest

from tsgan.layout import Block, Layout

CATEGORY = Block("kind", "softmax", 3, (-0.5, 0.5))
LENGTHS = Block("steps", "length", 1, (-0.5, 1.0), (3, 5, 9))
LAYOUT = Layout(
    (Block("x", "continuous", 2), CATEGORY, Block("y", "continuous", 1)),
    (Block("s", "continuous", 2), CATEGORY, LENGTHS),
)


def test_sizes():
    assert (LAYOUT.channels, LAYOUT.latents) == (6, 4)
    assert (LAYOUT.static_channels, LAYOUT.static_latents) == (6, 4)
    assert [block.latents for block in LAYOUT.blocks] == [2, 1, 1]
    assert (Layout(()).channels, Layout(()).static_latents) == (0, 0)


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


@pytest.mark.parametrize("key", ["blocks", "statics"])
def test_a_missing_part_is_noticed(key):
    data = LAYOUT.to_dict()
    del data[key]
    with pytest.raises(KeyError, match=key):
        Layout.from_dict(data)


def test_a_layout_cannot_be_changed():
    with pytest.raises(AttributeError):
        LAYOUT.blocks[0].size = 3
