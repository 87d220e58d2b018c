"""Devices and seeds."""

import numpy as np
import pytest
import torch

from tsgan.errors import ParameterError
from tsgan.model.runtime import cores, isolated, pick_device, seeded, streams

SEED = np.random.SeedSequence(3)


class TestDevice:
    def test_auto_takes_what_there_is(self):
        found = pick_device("auto")
        assert found.type == ("cuda" if torch.cuda.is_available() else "cpu")

    def test_cpu(self):
        assert pick_device("cpu") == torch.device("cpu")

    @pytest.mark.parametrize(("cuda", "found"), [(True, "cuda"), (False, "cpu")])
    def test_auto_is_never_mps(self, monkeypatch, cuda, found):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        assert pick_device("auto").type == found

    @pytest.mark.parametrize(
        ("device", "why"),
        [
            ("mps", "Apple's MPS has no numbers of 64 bits, in which the closed form and the values are"),
            ("mps:0", "Apple's MPS has no numbers of 64 bits, in which the closed form and the values are"),
            ("meta", "it computes nothing"),
        ],
    )
    def test_what_does_not_do(self, device, why):
        with pytest.raises(ParameterError) as caught:
            pick_device(device)
        assert str(caught.value) == f"device={device!r} cannot be used: {why}; choose 'cpu', 'cuda' or 'auto'"

    def test_what_is_no_name(self):
        with pytest.raises(ParameterError, match="device=None is no name of one; choose 'cpu', 'cuda' or 'auto'"):
            pick_device(None)

    @pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "cpu cpu"])
    def test_what_does_not_exist(self, device):
        with pytest.raises(ParameterError) as caught:
            pick_device(device)
        text = str(caught.value)
        assert text.startswith(f"device={device!r} cannot be used on this machine; choose 'cpu', 'auto', or an")
        assert "\n" not in text
        assert caught.value.__cause__ is not None


class TestStreams:
    def test_the_same_int_the_same_bits(self):
        first = [streams(value).generate_state(4).tolist() for value in (5, 5, np.int64(5), 6)]
        assert first[0] == first[1] == first[2] != first[3]

    def test_keys_lead_apart(self):
        made = {tuple(streams(5, *keys).generate_state(2)) for keys in ((), (0,), (1,), (0, 1))}
        assert len(made) == 4

    def test_a_generator_goes_on(self):
        one, two = np.random.default_rng(1), np.random.default_rng(1)
        first = streams(one).generate_state(2).tolist()
        assert first == streams(two).generate_state(2).tolist()
        assert first != streams(one).generate_state(2).tolist()

    def test_an_old_random_state_goes_on(self):
        one, two = np.random.RandomState(1), np.random.RandomState(1)
        first = streams(one, 2).generate_state(2).tolist()
        assert first == streams(two, 2).generate_state(2).tolist()
        assert first != streams(one, 2).generate_state(2).tolist()

    def test_none_is_new_each_time(self):
        assert streams(None).entropy != streams(None).entropy
        assert streams(None, 4).spawn_key == (4,)

    def test_none_does_not_read_the_global_state(self):
        made = []
        for _ in range(2):
            np.random.seed(0)  # noqa: NPY002
            before = np.random.get_state()[1].copy()  # noqa: NPY002
            made.append(streams(None).entropy)
            assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
        assert made[0] != made[1]

    @pytest.mark.parametrize("value", [-1, 1.5, "7", [1], np.float64(2)])
    def test_bad_ones(self, value):
        with pytest.raises(ParameterError) as caught:
            streams(value)
        assert str(caught.value) == (
            f"random_state={value!r} cannot seed anything; pass a non-negative int, a numpy Generator or None"
        )


class TestIsolated:
    def test_initialisers_follow_the_seed(self):
        made = []
        for seed in (1, 1, 2):
            with isolated(np.random.SeedSequence(seed)):
                made.append(torch.nn.Linear(4, 4).weight.detach())
        assert torch.equal(made[0], made[1])
        assert not torch.equal(made[0], made[2])

    def test_the_global_generator_comes_back(self):
        torch.manual_seed(11)
        before, told = torch.get_rng_state(), torch.rand(3)
        torch.manual_seed(11)
        with isolated(SEED):
            torch.rand(100)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(torch.rand(3), told)

    def test_even_after_an_error(self):
        before = torch.get_rng_state()

        def fail():
            with isolated(SEED):
                torch.rand(100)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert torch.equal(torch.get_rng_state(), before)

    def test_what_was_there_before_does_not_matter(self):
        made = []
        for start in (1, 2):
            torch.manual_seed(start)
            with isolated(SEED):
                made.append(torch.rand(3))
        assert torch.equal(*made)


def test_seeded_is_a_generator_of_its_own():
    before = torch.get_rng_state()
    one, two, other = (torch.rand(4, generator=seeded(np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_cores_inside_and_as_many_as_before_after():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with cores():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
