"""The critic: it sees nothing after the end of a sequence, and differences on their own scale."""

import pytest
import torch

from tsgan.networks import CELLS
from tsgan.networks.critic import Critic, difference_scale

LENGTHS = torch.tensor([9, 4, 1, 6])


@pytest.fixture(params=sorted(CELLS))
def critic(request):
    torch.manual_seed(0)
    return Critic(CELLS[request.param], 3, 2, torch.tensor([1.0, 5.0, 20.0]), 8, 2).double()


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(4)
    return (
        torch.randn(4, 9, 3, generator=draw, dtype=torch.float64),
        torch.randn(4, 2, generator=draw, dtype=torch.float64),
        LENGTHS,
    )


def test_one_score_per_sequence(critic, batch):
    assert critic(*batch).shape == (4,)
    assert critic(*batch, per_step=True).shape == (4, 9)


def test_what_comes_after_the_end_does_not_touch_the_score(critic, batch):
    x, statics, lengths = batch
    other = torch.where((torch.arange(9) < lengths[:, None])[:, :, None], x, 1e3)
    torch.testing.assert_close(critic(other, statics, lengths), critic(x, statics, lengths), atol=1e-12, rtol=0)


def test_what_comes_before_the_end_does(critic, batch):
    x, statics, lengths = batch
    other = x.clone()
    other[torch.arange(4), lengths - 1] += 1.0
    assert ((critic(other, statics, lengths) - critic(x, statics, lengths)).abs() > 1e-6).all()


def test_the_last_valid_score_per_step_is_the_score_of_the_sequence(critic, batch):
    steps = critic(*batch, per_step=True)[torch.arange(4), LENGTHS - 1]
    torch.testing.assert_close(steps, critic(*batch), atol=1e-12, rtol=0)


def test_every_beginning_is_scored_as_if_it_were_the_whole(critic, batch):
    x, statics, _ = batch
    steps = critic(*batch, per_step=True)
    for end in (1, 5, 9):
        whole = critic(x, statics, torch.full((4,), end))
        torch.testing.assert_close(steps[:, end - 1], whole, atol=1e-12, rtol=0)


def test_statics_are_seen(critic, batch):
    x, statics, lengths = batch
    assert ((critic(x, statics + 1, lengths) - critic(x, statics, lengths)).abs() > 1e-6).all()


def test_differences_are_seen_on_their_own_scale(batch):
    """With the scale at zero the critic sees values alone, so the scale must change what it says."""
    x, statics, lengths = batch
    scores = []
    for scale in (0.0, 1.0, 30.0):
        torch.manual_seed(0)
        critic = Critic(CELLS["rnn"], 3, 2, torch.full((3,), scale), 8, 1).double()
        scores.append(critic(x, statics, lengths))
    assert (scores[0] - scores[1]).abs().max() > 1e-3
    assert (scores[1] - scores[2]).abs().max() > 1e-3


def test_the_scale_is_part_of_the_state(critic):
    assert "scale" in critic.state_dict()
    assert "scale" not in dict(critic.named_parameters())


class TestDifferenceScale:
    def test_is_the_level_over_the_step(self):
        draw = torch.Generator().manual_seed(0)
        steps = torch.randn(50, 40, 1, generator=draw)
        x = torch.cat([torch.cumsum(steps, 1), steps], dim=2)
        scale = difference_scale(x, torch.full((50,), 40))
        expected = x.flatten(0, 1).std(0, correction=0) / torch.diff(x, dim=1).flatten(0, 1).std(0, correction=0)
        assert scale[0] == pytest.approx(float(expected[0]), rel=1e-5)
        assert scale[0] > 3
        assert scale[1] == 1.0  # white noise: std of a difference is above that of the level

    def test_ignores_what_comes_after_the_end(self):
        draw = torch.Generator().manual_seed(0)
        x = torch.randn(20, 30, 2, generator=draw).cumsum(1)
        lengths = torch.randint(2, 20, (20,), generator=draw)
        wild = torch.where((torch.arange(30) < lengths[:, None])[:, :, None], x, 1e4)
        torch.testing.assert_close(difference_scale(wild, lengths), difference_scale(x, lengths))

    def test_stays_between_1_and_100(self):
        nearly = torch.linspace(0, 1, 10_000).reshape(1, -1, 1)
        assert difference_scale(nearly, torch.tensor([10_000])) == 100.0
        assert difference_scale(torch.zeros(3, 5, 1), torch.full((3,), 5)) == 1.0

    def test_windows_of_one_step_have_no_difference(self):
        assert difference_scale(torch.randn(6, 1, 2), torch.ones(6, dtype=torch.int64)).tolist() == [1.0, 1.0]
        assert difference_scale(torch.randn(6, 4, 2), torch.ones(6, dtype=torch.int64)).tolist() == [1.0, 1.0]
