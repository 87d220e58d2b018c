"""The masked chain: what each head sees, and the walk column by column as the twin of the whole pass."""

import torch

from tsgan.model.chain import Chain, leave_out

FEATURES, OUTPUTS = [3, 1, 4, 2], [5, 2, 0, 6]


def chain(units=11):
    torch.manual_seed(0)
    made = Chain(6, FEATURES, OUTPUTS, units).eval()
    with torch.no_grad():
        made.out.normal_()
        made.direct.weight.normal_()
    return made


def test_walking_gives_what_one_pass_gives():
    made, state, features = chain(), torch.randn(7, 6), torch.randn(7, sum(FEATURES))
    whole = made(state, features)
    walk, at_f, at_o = made.start_row(state), 0, 0
    with torch.no_grad():
        for j in range(len(FEATURES)):
            torch.testing.assert_close(walk.head(j), whole[:, at_o : at_o + OUTPUTS[j]])
            walk.add(j, features[:, at_f : at_f + FEATURES[j]])
            at_f, at_o = at_f + FEATURES[j], at_o + OUTPUTS[j]


def test_a_head_sees_only_the_columns_before_its_own():
    made, state, features = chain(), torch.randn(7, 6), torch.randn(7, sum(FEATURES))
    whole, at_f, at_o = made(state, features), 0, 0
    for j, width in enumerate(FEATURES):
        changed = features.clone()
        changed[:, at_f : at_f + width] += 1
        moved = (made(state, changed) != whole).any(0)
        at_o += OUTPUTS[j]
        assert not moved[:at_o].any()
        assert j == len(FEATURES) - 1 or moved[at_o:].any()
        at_f += width


def test_nothing_is_told_before_training():
    torch.manual_seed(0)
    made = Chain(6, FEATURES, OUTPUTS, 11)
    assert not made(torch.randn(3, 6), torch.randn(3, sum(FEATURES))).any()


def test_more_columns_than_units_work():
    made = Chain(4, [1] * 9, [2] * 9, 3).eval()
    walk = made.start_row(torch.randn(2, 4))
    for j in range(9):
        assert walk.head(j).shape == (2, 2)
        walk.add(j, torch.randn(2, 1))


def test_of_more_columns_than_units_each_sees_all_blocks_before_its_own():
    torch.manual_seed(0)
    made = Chain(4, [1] * 9, [1] * 9, 3).eval()
    with torch.no_grad():
        made.out.normal_()
    state, features = torch.randn(5, 4), torch.randn(5, 9)
    whole, sees = made(state, features), []
    for j in range(9):
        changed = features.clone()
        changed[:, j] += 1
        sees.append((made(state, changed) != whole).any(0).tolist())
    blocks = [[j // 3 < i // 3 for i in range(9)] for j in range(9)]
    assert sees == blocks


def test_outputs_come_in_the_order_asked_for():
    made, order = chain(), [4, 0, 12, 7, 6, 5, 1, 2, 3, 8, 9, 10, 11]
    other = Chain(6, FEATURES, OUTPUTS, 11, order)
    other.load_state_dict(made.state_dict())
    state, features = torch.randn(7, 6), torch.randn(7, sum(FEATURES))
    torch.testing.assert_close(other(state, features), made(state, features)[:, order])


def test_left_out_is_the_share_asked_for_and_the_mean_stays():
    torch.manual_seed(0)
    x = torch.ones(999, 1001)
    out = leave_out(x, 0.3, torch.Generator().manual_seed(0))
    assert abs(float((out == 0).float().mean()) - 0.3) < 2e-3 + 1 / 512
    assert abs(float(out.mean()) - 1) < 3e-3
    assert len(out.unique()) == 2
    for k in range(8):  # each byte of a random number counts as much
        assert abs(float((out.flatten()[k::8] == 0).float().mean()) - 0.3) < 6e-3
    assert leave_out(x, 0.0, torch.Generator()) is x
    assert leave_out(x, 0.3, None) is x
