"""Blocks of every type against the package `gguf`, bit for bit; the k-quants written here against plain rounding."""

import gguf
import numpy as np
import pytest
import torch

from bestiary.core.errors import ArgumentError
from bestiary.core.gguf import KINDS, NUMBERS, kind_named
from bestiary.kernels.gguf import blocks

THEIRS = {kind.name: kind for kind in gguf.GGMLQuantizationType}
DECODED = [name for name in blocks.DECODERS if name != "Q8_K"]  # which the package sizes, and does not decode
PLAINLY_ROUNDED = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")


def values(rows: int, columns: int) -> np.ndarray:
    random = np.random.default_rng(3)
    scales = random.choice([1e-3, 0.02, 1.0, 50.0], (rows, 1))
    table = (random.standard_normal((rows, columns)) * scales).astype(np.float32)
    table[rows // 2] = 0
    return table


def test_sizes_of_all_types_are_the_packages():
    assert {number: (KINDS[number].name, *gguf.GGML_QUANT_SIZES[number]) for number in KINDS} == KINDS
    assert {THEIRS[name] for name in NUMBERS} == set(NUMBERS.values())


@pytest.mark.parametrize("name", DECODED)
def test_random_blocks_are_the_packages_numbers(name):
    kind = kind_named(name)
    raw = np.random.default_rng(0).integers(0, 256, (64, 3 * kind.nbytes), dtype=np.uint8)
    with np.errstate(all="ignore"):  # random scales are infinite at times
        expected = torch.from_numpy(gguf.quants.dequantize(raw, THEIRS[name]))
    got = blocks.dequantize(torch.from_numpy(raw), kind)
    assert got.shape == expected.shape
    assert torch.equal(got.isnan(), expected.isnan())
    assert torch.equal(got.nan_to_num(0.0).view(torch.int32), expected.nan_to_num(0.0).view(torch.int32))


def test_q8_k_is_its_whole_numbers_times_the_scale():
    q = torch.randint(-127, 128, (2, 256), dtype=torch.int8)
    scale = torch.tensor([[0.5], [-3.0]])
    raw = torch.cat([scale.view(torch.uint8), q.view(torch.uint8), torch.zeros(2, 32, dtype=torch.uint8)], dim=1)
    assert torch.equal(blocks.dequantize(raw, kind_named("Q8_K")), scale * q)


@pytest.mark.parametrize("name", PLAINLY_ROUNDED)
def test_written_blocks_are_the_packages_bytes(name):
    table = values(9, 256)
    expected = torch.from_numpy(gguf.quants.quantize(table, THEIRS[name]).view(np.uint8))
    assert torch.equal(blocks.quantize(torch.from_numpy(table), kind_named(name)), expected)


@pytest.mark.parametrize(("name", "plain", "share"), [("Q4_K", "Q4_1", 0.95), ("Q5_K", "Q5_1", 0.97), ("Q6_K", "Q5_0", 0.45)])
def test_a_search_errs_less_than_rounding(name, plain, share):
    table = torch.from_numpy(values(16, 512))

    def error(kind: str) -> torch.Tensor:
        stored = blocks.dequantize(blocks.quantize(table, kind_named(kind)), kind_named(kind))
        return ((stored - table).square().sum(1) / table.square().sum(1).clamp(min=1e-12)).mean().sqrt()

    assert error(name) < share * error(plain)


@pytest.mark.parametrize("name", ["Q4_K", "Q5_K", "Q6_K"])
def test_what_a_k_quant_can_hold_it_holds(name):
    kind = kind_named(name)
    whole = torch.tensor([[0.0] * 256, [1.0] * 256, [-2.0] * 256])
    assert torch.allclose(blocks.dequantize(blocks.quantize(whole, kind), kind), whole, rtol=2e-2)
    huge = torch.full((1, 256), 3e4)
    assert torch.isfinite(blocks.dequantize(blocks.quantize(huge, kind), kind)).all()


def test_parts_of_a_long_tensor_are_its_parts():
    table, kind = torch.from_numpy(values(40, 4096)), kind_named("Q6_K")
    raw = blocks.quantize(table, kind)
    assert torch.equal(raw[7:9], blocks.quantize(table[7:9], kind))
    assert torch.equal(blocks.dequantize(raw, kind)[7:9], blocks.dequantize(raw[7:9], kind))


def test_bfloat16_is_rounded_from_the_same_numbers():
    kind = kind_named("Q4_0")
    raw = blocks.quantize(torch.from_numpy(values(4, 64)), kind)
    assert torch.equal(blocks.dequantize(raw, kind, torch.bfloat16), blocks.dequantize(raw, kind).bfloat16())


def test_what_is_not_written_is_named():
    with pytest.raises(ArgumentError, match="'IQ2_S' is only read here.*Q4_K"):
        blocks.check_written("IQ2_S")
    with pytest.raises(ArgumentError, match="'Q4K' is no type of GGUF. Did you mean 'Q4_K'"):
        blocks.check_written("Q4K")
    with pytest.raises(ArgumentError, match=r"shape \[2, 100\] has no rows that are multiples of 256"):
        blocks.quantize(torch.zeros(2, 100), kind_named("Q4_K"))


@pytest.mark.parametrize("name", ["F16", "Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q6_K"])
def test_numbers_too_large_for_16_bits_are_refused(name):
    kind = kind_named(name)
    numbers = torch.ones(2, 256)
    numbers[1, 7] = 65504.0 if name == "F16" else 1e5
    assert blocks.dequantize(blocks.quantize(numbers, kind), kind).isfinite().all()
    numbers[1, 7] = -1e9
    with pytest.raises(ArgumentError, match=r"up to 1e\+09 in absolute value do not fit .* write them as BF16 or F32"):
        blocks.quantize(numbers, kind)
    numbers[1, 7] = float("inf")  # which was there before
    assert not blocks.dequantize(blocks.quantize(numbers, kind_named("F16")), kind_named("F16")).isfinite().all()
