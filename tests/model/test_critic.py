"""The critic: it sees values, scaled differences and what cells did, and nothing after the end of a sequence."""

import numpy as np
import pytest
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.cells import CELLS
from tsgan.model.critic import MAX_ONE_HOT, Critic, Features, difference_scale

NAN = float("nan")
CELLS_OF_ROWS = (
    Number("plain"),
    Number("rich", atoms=(-1.0, 0.5), stays=True, straight=1e-6, missing=True),
    Category("few", 3, missing=True),
    Category("many", MAX_ONE_HOT + 4, missing=True),
    Number("still", stays=True),
)
RICH = Layout(CELLS_OF_ROWS, (Category("sex", 2), Number("size", missing=True)), covariates=2)
SCALE = torch.tensor([2.0, 5.0, 1.0, 1.0, 20.0])
LENGTHS = torch.tensor([9, 4, 1, 6])


def _windows(seed=4, n=4, time=9):
    rng = np.random.default_rng(seed)
    values = np.stack(
        [
            rng.normal(size=(n, time)),
            rng.choice([-1.0, 0.5, 2.0, NAN, 0.0], size=(n, time)),
            rng.choice([0, 1, 2, NAN], size=(n, time)),
            rng.choice([*range(MAX_ONE_HOT + 4), NAN], size=(n, time)),
            np.repeat(rng.normal(size=(n, 3)), 3, axis=1)[:, :time],
        ],
        axis=2,
    )
    statics = np.stack([rng.choice([0.0, 1.0], size=n), rng.choice([1.5, NAN, -0.5], size=n)], axis=1)
    return torch.tensor(values), torch.tensor(statics), torch.tensor(rng.normal(size=(n, time, 2))), LENGTHS[:n]


@pytest.fixture(params=sorted(CELLS))
def critic(request):
    torch.manual_seed(0)
    return Critic(RICH, SCALE, 8, 2, CELLS[request.param]).double()


def _seen(number, scale, values):
    """Return what is seen of one number over time: value, difference, then flags; the readable twin."""
    rows = []
    for t, now in enumerate(values):
        before = values[t - 1] if t else NAN
        earlier = values[t - 2] if t > 1 else NAN
        gone = np.isnan(now)
        step = 0.0 if gone or np.isnan(before) else (now - before) * scale
        atoms = [now == atom for atom in number.atoms]
        stays = now == before and not any(atoms)
        straight = abs(now - 2 * before + earlier) <= number.straight and not any(atoms) and not stays
        flags = [stays] * number.stays + [straight] * (number.straight > 0) + atoms + [gone] * number.missing
        rows.append([0.0 if gone else now, step, *map(float, flags)])
    return np.array(rows)


class TestFeatures:
    @pytest.mark.parametrize("series", [
        [0.5, 0.5, 1.25, NAN, NAN, 3.0, 3.0, 3.0],
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, NAN, 2.0, 2.25, 2.5, -1.0, -1.0],
    ])  # fmt: skip
    @pytest.mark.parametrize("number", [CELLS_OF_ROWS[0], CELLS_OF_ROWS[1], CELLS_OF_ROWS[4]], ids=lambda n: n.name)
    def test_of_a_number_are_its_value_its_difference_and_what_it_did(self, number, series):
        series = np.array(series) if number.missing else np.nan_to_num(series)
        features = Features((number,), torch.tensor([5.0]))
        values = torch.tensor(series)[None, :, None]
        told = _seen(number, 5.0, series)
        assert features.size == told.shape[1]
        np.testing.assert_allclose(features(values, features.code(values))[0].numpy(), told, atol=1e-12)

    def test_of_a_few_levels_are_one_place_each_and_one_for_missing(self):
        features = Features((Category("few", 3, missing=True), Category("two", 2)), torch.ones(2))
        values = torch.tensor([[[0.0, 1.0], [2.0, 0.0], [NAN, 1.0]]], dtype=torch.float64)
        told = [[1, 0, 0, 0, 0, 1], [0, 0, 1, 0, 1, 0], [0, 0, 0, 1, 0, 1]]
        assert features(values, features.code(values))[0].tolist() == told
        assert not list(features.parameters())

    def test_of_many_levels_are_learned_codes_of_length_1(self):
        features = Features((Category("many", 3000, missing=True), Category("more", 20)), torch.ones(2))
        assert features.size == 2 * MAX_ONE_HOT
        values = torch.tensor([[[0.0, 0.0], [2999.0, 19.0], [NAN, 0.0], [0.0, 5.0]]], dtype=torch.float64)
        seen = features(values, features.code(values))[0]
        assert torch.equal(seen[0, :MAX_ONE_HOT], seen[3, :MAX_ONE_HOT])
        assert torch.equal(seen[0, MAX_ONE_HOT:], seen[2, MAX_ONE_HOT:])
        assert len({tuple(row.tolist()) for row in seen.reshape(-1, MAX_ONE_HOT)}) == 6
        torch.testing.assert_close(seen.reshape(-1, MAX_ONE_HOT).norm(dim=1), torch.ones(8, dtype=torch.float64))
        (seen * torch.arange(1, 5)[:, None]).sum().backward()
        touched = features.codes.grad.abs().sum(1) > 0
        assert touched.nonzero().ravel().tolist() == [0, 2999, 3000, 3001, 3006, 3020]

    def test_of_a_single_row_have_no_difference(self):
        features = Features((Number("a"), Number("b", missing=True)))
        values = torch.tensor([[[0.5, NAN]], [[1.0, 2.0]]], dtype=torch.float64)
        assert features(values, features.code(values))[:, 0].tolist() == [[0.5, 0.0, 1.0], [1.0, 2.0, 0.0]]

    def test_of_no_cell_are_none(self):
        features = Features(())
        values = torch.zeros(3, 1, 0, dtype=torch.float64)
        assert features.size == 0
        assert features(values, features.code(values)).shape == (3, 1, 0)

    def test_of_one_cell_are_not_touched_by_another(self):
        features = Features(CELLS_OF_ROWS, SCALE).double()
        values = _windows()[0]
        seen = features(values, features.code(values))
        assert seen.shape == (4, 9, features.size)
        for j in range(len(CELLS_OF_ROWS)):
            moved = values.clone()
            moved[:, :, j] = 0.0
            changed = (features(moved, features.code(moved)) != seen).any(0).any(0)
            alone = Features((CELLS_OF_ROWS[j],), SCALE[[j]])
            assert 0 < changed.sum() <= alone.size


class TestGradient:
    def test_runs_through_values_and_differences(self, critic):
        values, statics, covariates, lengths = _windows()
        where = torch.tensor([0, 1, 4])

        def score(numbers, size):
            filled = values.clone().index_copy(2, where, numbers)
            fixed = torch.where(statics.isnan(), statics, torch.stack([statics[:, 0], size], dim=1))
            return critic.score(critic.batch(filled, fixed, covariates, lengths, values))

        numbers = values[:, :, where].nan_to_num(3.0).requires_grad_()
        size = statics[:, 1].nan_to_num(3.0).requires_grad_()
        assert torch.autograd.gradcheck(score, (numbers, size))

    def test_is_none_where_nothing_is_seen_and_some_where_it_is(self, critic):
        values, statics, covariates, lengths = _windows()
        values.requires_grad_()
        statics.requires_grad_()
        critic.score(critic.batch(values, statics, covariates, lengths)).sum().backward()
        inside = (torch.arange(9) < lengths[:, None])[:, :, None].expand_as(values)
        number = torch.tensor([True, True, False, False, True]).expand_as(values)
        assert torch.equal(values.grad != 0, inside & number & ~values.isnan())
        assert torch.equal(statics.grad[:, 1] != 0, ~statics[:, 1].isnan())
        assert not statics.grad[:, 0].any()

    def test_reaches_every_weight(self, critic):
        critic.score(critic.batch(*_windows())).sum().backward()
        assert all(part.grad is not None and part.grad.abs().max() > 0 for part in critic.parameters())

    def test_goes_by_what_cells_did_and_not_by_what_they_are_now(self, critic):
        """A rollout done again with a gradient may differ in its last bits: a stay stays a stay."""
        values, statics, covariates, lengths = _windows()
        nearly = values + 1e-7
        one, other = (critic.batch(part, statics, covariates, lengths, values) for part in (values, nearly))
        torch.testing.assert_close(one.x, other.x, atol=1e-5, rtol=0)


class TestCritic:
    def test_batches_are_what_the_network_takes(self, critic):
        batch = critic.batch(*_windows())
        assert batch.x.shape == (4, 9, critic.steps.size + 2)
        assert batch.statics.shape == (4, 4)
        assert torch.equal(batch.lengths, LENGTHS)
        assert torch.isfinite(batch.x).all()
        assert critic.score(batch).shape == (4,)
        assert torch.equal(critic(batch.x, batch.statics, batch.lengths), critic.score(batch))

    def test_is_in_single_precision_by_default(self):
        critic = Critic(RICH, SCALE)
        batch = critic.batch(*_windows())
        assert batch.x.dtype == batch.statics.dtype == critic.score(batch).dtype == torch.float32
        assert (critic.cell.hidden, critic.cell.layers) == (64, 1)

    def test_what_comes_after_the_end_does_not_touch_the_score(self, critic):
        values, statics, covariates, lengths = _windows()
        after = (torch.arange(9) >= lengths[:, None])[:, :, None]
        score = critic.score(critic.batch(values, statics, covariates, lengths))
        other = critic.batch(torch.where(after, 1.0, values), statics, torch.where(after, 1e3, covariates), lengths)
        torch.testing.assert_close(critic.score(other), score, atol=1e-12, rtol=0)

    def test_what_comes_before_the_end_does(self, critic):
        batch = critic.batch(*_windows())
        x = batch.x.clone()
        x[torch.arange(4), LENGTHS - 1] += 1.0
        assert ((critic(x, batch.statics, LENGTHS) - critic.score(batch)).abs() > 1e-6).all()

    def test_a_score_is_the_same_in_any_company(self, critic):
        values, statics, covariates, lengths = _windows()
        scores = critic.score(critic.batch(values, statics, covariates, lengths))
        for k, end in enumerate(lengths):
            alone = critic.batch(values[[k], :end], statics[[k]], covariates[[k], :end], lengths[[k]])
            torch.testing.assert_close(critic.score(alone), scores[[k]], atol=1e-12, rtol=0)

    @pytest.mark.parametrize("j", range(5))
    def test_each_cell_is_seen(self, critic, j):
        windows = _windows()
        before = critic.score(critic.batch(*windows))
        windows[0][:, 0, j] = torch.where(windows[0][:, 0, j] == 0, 1.0, 0.0)
        assert ((critic.score(critic.batch(*windows)) - before).abs() > 1e-8).all()

    def test_statics_and_covariates_are_seen(self, critic):
        windows = _windows()
        before = critic.score(critic.batch(*windows))
        values, statics, covariates, lengths = windows
        for other in (
            (values, torch.stack([1 - statics[:, 0], statics[:, 1]], 1), covariates, lengths),
            (values, torch.stack([statics[:, 0], statics[:, 1].nan_to_num(9.0) + 1], 1), covariates, lengths),
            (values, statics, covariates + 1, lengths),
        ):
            assert ((critic.score(critic.batch(*other)) - before).abs() > 1e-6).all()

    def test_differences_are_seen_on_their_own_scale(self):
        scores = []
        for scale in (0.0, 1.0, 30.0):
            torch.manual_seed(0)
            critic = Critic(RICH, torch.full((5,), scale), 8)
            scores.append(critic.score(critic.batch(*_windows())))
        assert (scores[0] - scores[1]).abs().max() > 1e-3
        assert (scores[1] - scores[2]).abs().max() > 1e-3

    def test_the_scale_is_part_of_the_state(self, critic):
        assert "steps.scale" in critic.state_dict()
        assert "steps.scale" not in dict(critic.named_parameters())


class TestDifferenceScale:
    def test_is_one_over_the_spread_of_the_steps(self):
        draw = torch.Generator().manual_seed(0)
        steps = 0.2 * torch.randn(50, 40, 1, generator=draw, dtype=torch.float64)
        x = torch.cat([torch.cumsum(steps, 1), steps], dim=2)
        scale = difference_scale(x, torch.full((50,), 40))
        spread = torch.diff(x, dim=1).flatten(0, 1).std(0, correction=0)
        torch.testing.assert_close(scale, (1 / spread).float())

    def test_ignores_what_comes_after_the_end(self):
        draw = torch.Generator().manual_seed(0)
        x = torch.randn(20, 30, 2, generator=draw).cumsum(1)
        lengths = torch.randint(2, 20, (20,), generator=draw)
        wild = torch.where((torch.arange(30) < lengths[:, None])[:, :, None], x, 1e4)
        torch.testing.assert_close(difference_scale(wild, lengths), difference_scale(x, lengths))

    def test_ignores_what_is_missing(self):
        x = torch.tensor([0.0, 1.0, NAN, 100.0, 102.0, 101.0])[None, :, None]
        assert difference_scale(x, torch.tensor([6])) == pytest.approx(1 / np.std([1, 2, -1]))

    def test_has_an_end(self):
        nearly = torch.linspace(0, 1, 10_000).square().reshape(1, -1, 1)
        assert difference_scale(nearly, torch.tensor([10_000])) == 100.0

    def test_is_1_where_nothing_moves(self):
        assert difference_scale(torch.zeros(3, 5, 1), torch.full((3,), 5)) == 1.0
        assert difference_scale(torch.randn(6, 1, 2), torch.ones(6, dtype=torch.int64)).tolist() == [1.0, 1.0]
        assert difference_scale(torch.randn(6, 4, 2), torch.ones(6, dtype=torch.int64)).tolist() == [1.0, 1.0]
        assert difference_scale(torch.full((6, 4, 1), NAN), torch.full((6,), 4)) == 1.0
