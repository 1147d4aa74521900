"""Rotary position embedding (Su et al. 2021, RoFormer) and every published way to stretch it.

Frequencies are computed in fp32 from plain numbers. They are not buffers: a cast, a meta construction or `to_empty` cannot
touch them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..kernels.elements import turned as turned_at_once
from .packed import counted, packed_texts
from .rope_parameters import Parameters


@dataclass(frozen=True)
class Frequencies:
    """Angles per position (K/2 numbers) and the factor on cos and sin."""

    inverse: tuple[float, ...]
    attention_factor: float = 1.0


def _inverse(theta: float, size: int) -> Tensor:
    """theta^(-2i/K) for i < K/2, as RoFormer section 3.2.2."""
    return 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float32, device="cpu") / size)


def _as_frequencies(inverse: Tensor, attention_factor: float = 1.0) -> Frequencies:
    return Frequencies(tuple(inverse.tolist()), attention_factor)


def default(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """The frequencies of RoFormer, not stretched."""
    return _as_frequencies(_inverse(p["rope_theta"], size))


def linear(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """Position interpolation (Chen et al. 2023): all positions divided by `factor`."""
    return _as_frequencies(_inverse(p["rope_theta"], size) / p["factor"])


def dynamic(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """Dynamic NTK scaling: the base grows once the sequence (`length`) outgrows the trained `limit`."""
    length = max(length, limit)
    grown = (p["factor"] * length / limit - (p["factor"] - 1)) ** (size / (size - 2))
    return _as_frequencies(_inverse(p["rope_theta"] * grown, size))


def yarn(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """YaRN (Peng et al. 2023): fast dimensions kept, slow ones interpolated, a ramp between; scores warmed by a factor."""
    trained = p.get("original_max_position_embeddings") or limit
    factor = p.get("factor") or limit / trained

    def warmth(scale: float, weight: float = 1.0) -> float:
        return 1.0 if scale <= 1 else 0.1 * weight * math.log(scale) + 1.0

    attention_factor = p.get("attention_factor")
    if attention_factor is None:
        if p.get("mscale") and p.get("mscale_all_dim"):
            attention_factor = warmth(factor, p["mscale"]) / warmth(factor, p["mscale_all_dim"])
        else:
            attention_factor = warmth(factor)

    def dimension(turns: float) -> float:  # the dimension that makes `turns` rotations over the trained length
        return size * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(p["rope_theta"]))

    low, high = dimension(p.get("beta_fast") or 32.0), dimension(p.get("beta_slow") or 1.0)
    if p.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    ramp = (torch.arange(size // 2, dtype=torch.float32, device="cpu") - low) / max(high - low, 0.001)
    original_share = 1 - ramp.clamp(0, 1)
    inverse = _inverse(p["rope_theta"], size)
    return _as_frequencies(inverse / factor * (1 - original_share) + inverse * original_share, attention_factor)


def longrope(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """LongRoPE (Ding et al. 2024): a factor per dimension, one list up to the trained length and another beyond.

    Where `short_mscale` and `long_mscale` say the factor on cos and sin (Phi-3.5-MoE), it alone changes at the trained length.
    """
    trained = p.get("original_max_position_embeddings") or limit
    stretch = limit / trained if p.get("original_max_position_embeddings") else (p.get("factor") or 1.0)
    attention_factor = p.get("attention_factor")
    if attention_factor is None:
        attention_factor = 1.0 if stretch <= 1 else math.sqrt(1 + math.log(stretch) / math.log(trained))
    beyond = length > trained
    if p.get("short_mscale") and p.get("long_mscale"):
        attention_factor, beyond = p["long_mscale"] if beyond else p["short_mscale"], False
    factors = p["long_factor"] if beyond else p["short_factor"]
    return _as_frequencies(
        _inverse(p["rope_theta"], size) / torch.tensor(factors, dtype=torch.float32, device="cpu"), attention_factor
    )


def llama3(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """Llama 3.1: long wavelengths divided by `factor`, short ones kept, a smooth passage between."""
    inverse = _inverse(p["rope_theta"], size)
    trained, low, high = p["original_max_position_embeddings"], p["low_freq_factor"], p["high_freq_factor"]
    turns = trained * inverse / (2 * math.pi)  # rotations over the trained length
    smooth = ((turns - low) / (high - low)).masked_fill(turns > high, 1).masked_fill(turns < low, 0)
    return _as_frequencies(inverse / p["factor"] * (1 - smooth) + inverse * smooth)


def proportional(p: Parameters, size: int, length: int, limit: int) -> Frequencies:
    """The first pairs of a head, `partial_rotary_factor` of all, turn at the speeds of a whole head; the rest stays."""
    share = p.get("partial_rotary_factor")
    inverse = _inverse(p["rope_theta"], size) / (p.get("factor") or 1.0)
    inverse[int((1.0 if share is None else share) * size // 2) :] = 0
    return _as_frequencies(inverse)


def rotary_size(parameters: Parameters, head: int) -> int:
    """How many of the `head` numbers of a head get an angle: `partial_rotary_factor` of them, where others have none."""
    share = parameters.get("partial_rotary_factor")
    return head if parameters["rope_type"] == "proportional" else int(head * (share or 1.0))


KINDS: dict[str, Callable[[Parameters, int, int, int], Frequencies]] = {
    "default": default,
    "linear": linear,
    "dynamic": dynamic,
    "yarn": yarn,
    "longrope": longrope,
    "proportional": proportional,
    "llama3": llama3,
}


class Rotary(nn.Module):
    """Cosines and sines for given positions. No parameters, no buffers.

    Args:
        parameters: as `rope_parameters` gives them. size: K, the width of a head, of which `partial_rotary_factor` turns.
        limit: `max_position_embeddings`, the length the model claims.
        interleaved: whether a pair are two neighbours, instead of a number of the first half and one of the second.

    Attributes:
        reach: the length up to which it is good, which some ways to stretch it raise; None where there is no end.
    """

    def __init__(self, parameters: Parameters, size: int, limit: int, interleaved: bool = False) -> None:
        super().__init__()
        self.interleaved = interleaved
        self.kind = KINDS[parameters["rope_type"]]
        self.parameters_, self.size, self.limit = dict(parameters), rotary_size(parameters, size), limit
        for name in ("short_factor", "long_factor"):
            count = len(parameters.get(name) or ())
            if count not in (0, self.size // 2):
                raise ConfigError(
                    f"rope_parameters: {name} holds {count} numbers; expected one for each of {self.size // 2} pairs"
                )
        stretched = (parameters.get("factor") or 1.0) * (parameters.get("original_max_position_embeddings") or limit)
        self.reach = None if parameters["rope_type"] == "dynamic" else max(limit, int(stretched))
        # Only these two change with the length of the sequence, so only they look at its positions.
        self.by_length = parameters["rope_type"] in ("dynamic", "longrope")
        self.fixed = None if self.by_length else self.kind(self.parameters_, self.size, limit, limit)
        self._inverse: dict[torch.device, Tensor] = {}

    @property
    def inv_freq(self) -> Tensor:
        """The angle per position (K/2) of the lengths the model was trained on."""
        return torch.tensor(self._trained.inverse)

    @inv_freq.setter
    def inv_freq(self, value: Tensor) -> None:
        if self.by_length:
            raise AttributeError(
                f"the frequencies of rope_type {self.rope_type!r} follow from the length of each text; what is assigned would"
                " be lost. Change rope_parameters of the config"
            )
        if value.shape != (self.size // 2,):
            raise ConfigError(f"inv_freq has shape {tuple(value.shape)}; expected ({self.size // 2},), a number for each pair")
        self.fixed, self._inverse = _as_frequencies(value.detach().float().cpu(), self.attention_scaling), {}

    @property
    def original_inv_freq(self) -> Tensor:
        """The angles per position that follow from the config, whatever was assigned."""
        return torch.tensor(self.kind(self.parameters_, self.size, 0, self.limit).inverse)

    @property
    def attention_scaling(self) -> float:
        """The factor on cos and sin for the lengths the model was trained on."""
        return self._trained.attention_factor

    @property
    def rope_type(self) -> str:
        """The way in which it is stretched."""
        return str(self.parameters_["rope_type"])

    @property
    def max_seq_len_cached(self) -> int:
        """The length the model claims."""
        return self.limit

    original_max_seq_len = max_seq_len_cached

    @property
    def _trained(self) -> Frequencies:
        return self.fixed or self.kind(self.parameters_, self.size, 0, self.limit)

    def forward(self, position_ids: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Positions (B or 1, T) -> cos and sin (B or 1, T, K), computed in fp32 and given in `dtype`."""
        packed = packed_texts(position_ids.shape[-1]) if self.by_length else None
        if packed is not None:
            lengths = packed.lengths or counted(packed.numbers)
            return self._of_texts(position_ids.expand_as(packed.numbers), lengths, dtype)
        inverse, factor = self._frequencies(position_ids)
        angles = self._of_both(position_ids[..., None].float() * inverse)
        return (angles.cos() * factor).to(dtype), (angles.sin() * factor).to(dtype)

    def _of_texts(self, position_ids: Tensor, lengths: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The same where rows (B, T) hold texts of these lengths, each with the frequencies of its own."""
        angles, factors = [], []
        for text in position_ids.flatten().split(lengths):
            inverse, factor = self._frequencies(text)
            angles.append(self._of_both(text[:, None].float() * inverse))
            factors.append(factor)
        flat = [torch.cat([f(each) * by for each, by in zip(angles, factors, strict=True)]) for f in (torch.cos, torch.sin)]
        cos, sin = (each.unflatten(0, position_ids.shape).to(dtype) for each in flat)
        return cos, sin

    def turn(self, x: Tensor, by: int) -> Tensor:
        """Keys (B, G, S, K) as if they stood `by` positions further on; exact as long as positions stay below `limit`."""
        inverse, _ = self._frequencies(torch.zeros(1, dtype=torch.int64, device=x.device))
        angles = by * self._of_both(inverse)[None, None]
        return rotate(x.float(), angles.cos(), angles.sin(), self.interleaved).to(x.dtype)

    def _of_both(self, angles: Tensor) -> Tensor:
        """Angles of pairs (..., K/2) -> of the two numbers of each (..., K)."""
        return angles.repeat_interleave(2, dim=-1) if self.interleaved else torch.cat((angles, angles), dim=-1)

    def _frequencies(self, position_ids: Tensor) -> tuple[Tensor, float]:
        device = position_ids.device
        frequencies = self.fixed or self.kind(self.parameters_, self.size, int(position_ids.max()) + 1, self.limit)
        if self.by_length or torch.compiler.is_compiling():
            return torch.tensor(frequencies.inverse, device=device), frequencies.attention_factor
        if device not in self._inverse:
            self._inverse[device] = torch.tensor(frequencies.inverse, device=device)
        return self._inverse[device], frequencies.attention_factor


def angles_of(angles: Tensor | tuple[Tensor, Tensor], interleaved: bool) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B or 1, T, K) as `rotate` takes them, of any form in which models publish them.

    These are complex numbers (B or 1, T, K/2), or cosines and sines of which each stands there once (K/2), twice side by side,
    or twice in two halves.
    """
    numbers = (angles.real, angles.imag) if isinstance(angles, Tensor) else angles
    size = numbers[0].shape[-1]
    halves = size % 2 == 0 and all(torch.equal(*each.chunk(2, dim=-1)) for each in numbers)
    pairs = size % 2 == 0 and all(torch.equal(each[..., ::2], each[..., 1::2]) for each in numbers)
    if pairs if interleaved else halves:
        return numbers
    cos, sin = (each.chunk(2, dim=-1)[0] if halves else each[..., ::2] if pairs else each for each in numbers)
    if interleaved:
        return cos.repeat_interleave(2, dim=-1), sin.repeat_interleave(2, dim=-1)
    return torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    """Turn each pair (x_i, x_{i+K/2}) of (B, H, T, K) by its angle; cos and sin are (B or 1, T, rotated K).

    A head larger than the rotated part keeps its rest (partial rotary embedding). Interleaved pairs are (x_2i, x_{2i+1}).
    """
    size = cos.shape[-1]
    if size < x.shape[-1]:
        return torch.cat((rotate(x[..., :size], cos, sin, interleaved), x[..., size:]), dim=-1)
    if cos.shape[0] > 1:
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    if interleaved:
        across = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
    else:
        first, second = x.chunk(2, dim=-1)
        across = torch.cat((-second, first), dim=-1)
    return x * cos + across * sin


def rotate_both(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> tuple[Tensor, Tensor]:
    """Queries (B, H, T, K) and keys (B, G, T, K), turned in one go: a decoding step costs what its operations cost to start."""
    both = turned_at_once(query, key, cos, sin, interleaved)
    if both is not None:
        return both
    turned = rotate(torch.cat((query, key), dim=1), cos, sin, interleaved)
    return turned[:, : query.shape[1]], turned[:, query.shape[1] :]
