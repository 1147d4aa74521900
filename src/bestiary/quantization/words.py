"""Codes of few bits side by side in words of 32 bits, the first in the lowest bits, as GPTQ and AWQ store them."""

from math import gcd

import torch
from torch import Tensor


def codes_per_cycle(bits: int) -> int:
    """Codes after which a code begins with a word again."""
    return 32 // gcd(bits, 32)


def pack_words(codes: Tensor, bits: int) -> Tensor:
    """Codes (..., n) below 2^bits -> int32 (..., n * bits / 32), where n is a multiple of `codes_per_cycle(bits)`.

    A code may begin in one word and end in the next, which happens with 3 bits.
    """
    cycle, words = codes_per_cycle(bits), bits // gcd(bits, 32)
    packed = torch.zeros((*codes.shape[:-1], codes.shape[-1] // cycle, words), dtype=torch.int32, device=codes.device)
    for place in range(cycle):
        word, shift = divmod(place * bits, 32)
        values = codes[..., place::cycle].to(torch.int32)
        packed[..., word] |= values << shift
        if shift + bits > 32:
            packed[..., word + 1] |= values >> (32 - shift)
    return packed.flatten(-2)


def unpack_words(words: Tensor, bits: int) -> Tensor:
    """int32 (..., w) -> codes, uint8 (..., w * 32 / bits): the inverse of `pack_words`."""
    cycle, length = codes_per_cycle(bits), bits // gcd(bits, 32)
    cycles = words.unflatten(-1, (-1, length))
    codes = torch.empty((*cycles.shape[:-1], cycle), dtype=torch.uint8, device=words.device)
    for place in range(cycle):
        word, shift = divmod(place * bits, 32)
        values = cycles[..., word] >> shift
        if shift + bits > 32:
            values = (values & ((1 << (32 - shift)) - 1)) | (cycles[..., word + 1] << (32 - shift))
        codes[..., place] = (values & ((1 << bits) - 1)).to(torch.uint8)
    return codes.flatten(-2)
