"""Keys in 8 bits: how far they are off, what they weigh, and that damaged ones are refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from longattncomp.scorers.cross_attention.keys import Keys, joined

NAME = "0f" * 16
LARGEST = 65504.0  # of float16
FINEST = 2.0**-24  # step of float16 near zero


def some(heads: int = 3, n: int = 5, width: int = 64, *, seed: int = 0) -> Tensor:
    """(heads, n, width)"""
    return torch.randn(heads, n, width, generator=torch.Generator().manual_seed(seed))


def restored(keys: Keys) -> Tensor:
    """(n_key_heads, n, head_dim)"""
    return (keys.values.float() * keys.scales.float()[..., None]).transpose(0, 1)


def assert_equal(found: Keys | None, expected: Keys) -> None:
    assert found is not None
    assert (found.values.dtype, found.scales.dtype) == (torch.int8, torch.float16)
    assert torch.equal(found.values, expected.values)
    assert torch.equal(found.scales, expected.scales)


# --- rounding ---------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 9), st.sampled_from([2, 8, 64]), st.floats(-2, 6), st.integers(0, 99))
def test_no_number_is_off_by_more_than_half_a_step(heads: int, n: int, width: int, exponent: float, seed: int) -> None:
    exact = some(heads, n, width, seed=seed) * 10**exponent

    rounded = restored(Keys.of(exact))

    assert rounded.shape == exact.shape
    # The step is known to float16 only, which near zero is coarse.
    step = (exact.abs().amax(dim=-1, keepdim=True) / 127) * (1 + 2**-10) + FINEST
    assert ((rounded - exact).abs() <= step / 2 + 127 * FINEST / 2).all()


def test_the_largest_number_of_a_row_is_127_of_its_steps() -> None:
    keys = Keys.of(some())

    assert (keys.values.abs().amax(dim=-1) == 127).all()
    assert keys.values.shape == (5, 3, 64)
    assert keys.scales.shape == (5, 3)


def test_rows_do_not_share_a_scale() -> None:
    exact = some(2, 2, 8)
    exact[0, 0] *= 1e4
    exact[1, 1] *= 1e-2

    rounded = restored(Keys.of(exact))

    error = (rounded - exact).abs().amax(dim=-1) / exact.abs().amax(dim=-1)
    assert (error < 0.006).all()


def test_the_bytes_of_a_token_of_smollm2() -> None:
    keys = Keys.of(some(3, 1000, 64))

    assert keys.nbytes == 198 * 1000
    assert len(keys.to_bytes(NAME)) <= 200 * 1000


def test_a_row_of_zeros_stays_one() -> None:
    exact = some()
    exact[1, 2] = 0

    rounded = restored(Keys.of(exact))

    assert (rounded[1, 2] == 0).all()
    assert rounded[0, 2].any()


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e-6, 1e-4])
def test_rows_too_small_for_a_scale_come_near_zero(size: float) -> None:
    exact = size * some().clamp(-1, 1)

    rounded = restored(Keys.of(exact))

    assert ((rounded - exact).abs() <= 127 * FINEST / 2 + size / 200).all()


@pytest.mark.parametrize("size", [1e6, 8e6, 1e9, 1e30, float("inf")])
def test_rows_too_large_for_a_scale_are_as_large_as_can_be(size: float) -> None:
    exact = some()
    exact[2, 3] = size
    exact[2, 4] = -size

    rounded = restored(Keys.of(exact))

    assert rounded.isfinite().all()
    assert rounded[2, 3].tolist() == pytest.approx([min(size, 127 * LARGEST)] * 64, rel=1e-3)
    assert rounded[2, 4].tolist() == pytest.approx([-min(size, 127 * LARGEST)] * 64, rel=1e-3)
    assert torch.equal(rounded[:2], restored(Keys.of(exact[:2])))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_keys_of_any_precision(dtype: torch.dtype) -> None:
    exact = some().to(dtype)

    assert_equal(Keys.of(exact), Keys.of(exact.float()))


def test_rounding_takes_the_tensor_as_it_stands() -> None:
    """As it comes from the head: a view that is not contiguous, and that remembers how it was made."""
    exact = some(5, 3).requires_grad_()

    keys = Keys.of(exact.transpose(0, 1))

    assert not keys.scales.requires_grad
    assert_equal(keys, Keys.of(exact.detach().transpose(0, 1).contiguous()))


# --- segments below each other ------------------------------------------------------------------


def test_joined_keys_are_the_segments_in_order() -> None:
    parts = [some(2, n, 8, seed=n) for n in (4, 1, 3)]
    places = torch.tensor([0, 3, 4, 6])

    rounded = joined([Keys.of(part) for part in parts], places)
    exact = joined(parts, places)

    assert rounded.scales is not None
    assert exact.scales is None
    assert torch.equal(exact.values, torch.cat(parts, dim=1)[:, places])
    found = rounded.values.float() * rounded.scales.float()[..., None]
    assert torch.equal(found, torch.cat([restored(Keys.of(part)) for part in parts], dim=1)[:, places])


def test_joined_keys_may_be_all() -> None:
    part = Keys.of(some(2, 4, 8))

    found = joined([part], torch.arange(4))

    assert torch.equal(found.values.transpose(0, 1), part.values)
    assert found.scales is not None
    assert torch.equal(found.scales.transpose(0, 1), part.scales)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 1000, 64), (1, 1, 1), (2, 7, 8), (4, 1, 128)], ids=str)
def test_bytes_give_the_same_keys(shape: tuple[int, int, int]) -> None:
    keys = Keys.of(some(*shape))

    assert_equal(Keys.from_bytes(keys.to_bytes(NAME), NAME), keys)


def test_what_comes_from_bytes_is_its_own() -> None:
    keys = Keys.of(some())
    data = keys.to_bytes(NAME)
    found = Keys.from_bytes(data, NAME)
    assert found is not None

    found.values.zero_()

    assert_equal(Keys.from_bytes(data, NAME), keys)


SMALL = Keys.of(some(2, 3, 4)).to_bytes(NAME)


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_every_byte_that_is_flipped_is_noticed(bits: int) -> None:
    assert len(SMALL) == 32 + 3 * 2 * (2 + 4)
    for place in range(len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[place] ^= bits

        assert Keys.from_bytes(bytes(damaged), NAME) is None, place


def test_every_length_but_its_own_is_noticed() -> None:
    for length in range(len(SMALL)):
        assert Keys.from_bytes(SMALL[:length], NAME) is None, length
    assert Keys.from_bytes(SMALL + b"\0", NAME) is None
    assert Keys.from_bytes(SMALL + SMALL, NAME) is None


def test_a_shape_of_the_same_size_is_noticed() -> None:
    """Two heads of three tokens take the bytes of three heads of two."""
    swapped = bytearray(SMALL)
    swapped[4:8], swapped[8:12] = swapped[8:12], swapped[4:8]
    assert swapped != SMALL

    assert Keys.from_bytes(bytes(swapped), NAME) is None


def test_keys_under_another_name_are_refused() -> None:
    """A damaged index hands out whole records under the wrong names."""
    assert Keys.from_bytes(SMALL, "1f" + NAME[2:]) is None
    assert Keys.from_bytes(SMALL, NAME) is not None


@pytest.mark.parametrize("secret", [b"mine", bytes(64)])
def test_without_the_secret_nothing_that_counts_is_written(secret: bytes) -> None:
    keys = Keys.of(some(2, 3, 4))
    data = keys.to_bytes(NAME, secret)

    assert_equal(Keys.from_bytes(data, NAME, secret), keys)
    assert Keys.from_bytes(data, NAME) is None
    assert Keys.from_bytes(data, NAME, secret[:-1] + b"x") is None
    assert Keys.from_bytes(SMALL, NAME, secret) is None
    assert Keys.from_bytes(data, "1f" + NAME[2:], secret) is None
    for place in range(len(data)):
        forged = bytearray(data)
        forged[place] ^= 1
        assert Keys.from_bytes(bytes(forged), NAME, secret) is None, place


def test_keys_of_nothing_are_refused() -> None:
    nothing = Keys(torch.zeros(0, 2, 8, dtype=torch.int8), torch.zeros(0, 2).half())

    assert Keys.from_bytes(nothing.to_bytes(NAME), NAME) is None


@given(st.binary(max_size=80))
def test_other_bytes_are_refused(data: bytes) -> None:
    assert Keys.from_bytes(data, NAME) is None
    assert Keys.from_bytes(b"LAC0" + SMALL[4:], NAME) is None
    assert Keys.from_bytes(SMALL[:4] + data, NAME) is None
