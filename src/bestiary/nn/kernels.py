"""Attention kernels behind one signature, `Kernel`; the name of the function is the name of the implementation.

Each takes queries (B, H, T, K), keys and values (B, G, S, K) with G dividing H, a `Mask`, an optional bias (B or 1, H, T, S)
that is added to the scores, and gives the mixed values (B, H, T, K).
"""

import math
import warnings
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import ArgumentError, MissingDependency, did_you_mean
from ..core.optional import require
from ..kernels.elements import attended, attended_by_many
from .by_text import by_text
from .masks import Mask


class Scoring(NamedTuple):
    """What is done to the products of queries and keys.

    scaling: the factor on them. softcap: the bound c in c tanh(score / c), or None. dropout: the share of weights left out.
    sinks (H,): the score in each head of a slot that holds nothing and takes its share of all queries (Xiao et al. 2023,
    Efficient Streaming Language Models with Attention Sinks), or None.
    """

    scaling: float
    dropout: float = 0.0
    softcap: float | None = None
    sinks: Tensor | None = None


Kernel = Callable[[Tensor, Tensor, Tensor, Mask | None, Tensor | None, Scoring], Tensor]


def capped(x: Tensor, bound: float) -> Tensor:
    """Numbers drawn smoothly into (-bound, bound) (Bello et al. 2016, section 5)."""
    return bound * torch.tanh(x / bound)


def _repeat(x: Tensor, heads: int) -> Tensor:
    """(B, G, S, K) -> (B, H, S, K): each key/value head serves H/G neighbouring query heads."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], dim=1)


SDPA = F.scaled_dot_product_attention


def weights(query: Tensor, key: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring) -> Tensor:
    """Attention probabilities (B, H, T, S), softmax in fp32 (Vaswani et al. 2017, eq. 1)."""
    scores = query @ _repeat(key, query.shape[1]).transpose(-1, -2) * scoring.scaling
    if scoring.softcap is not None:
        scores = capped(scores, scoring.softcap)
    hidden = None if mask is None else mask.bias(scores.dtype)
    for term in (bias, hidden):
        if term is not None:
            scores = scores + term
    if scoring.sinks is not None:
        sinks = scoring.sinks.view(1, scores.shape[1], -1, 1).expand(*scores.shape[:3], 1)
        return torch.cat((scores, sinks), dim=-1).softmax(dim=-1, dtype=torch.float32)[..., :-1].to(query.dtype)
    return scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)


def eager(query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring) -> Tensor:
    """Matrix products written out."""
    fast = _of_one(query, key, value, mask, bias, scoring) if query.dtype == torch.float32 else None
    if fast is not None:
        return fast
    shared = bias is None and (mask is None or (mask.dense is None and mask.additive is None))
    if query.shape[2] == 1 and query.shape[1] != key.shape[1] and shared:
        # Heads of a group as queries of one head need no copies of its keys, here as in sdpa.
        heads = query.reshape(query.shape[0], key.shape[1], -1, query.shape[3])
        return eager(heads, key, value, mask, None, scoring).reshape(query.shape[0], query.shape[1], 1, -1)
    probabilities = F.dropout(weights(query, key, mask, bias, scoring), scoring.dropout, training=scoring.dropout > 0)
    return probabilities @ _repeat(value, query.shape[1])


def _of_one(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
) -> Tensor | None:
    """One query in each head, by a kernel of our own; None where there is none for it."""
    if bias is not None or scoring.dropout > 0 or scoring.sinks is not None or query.shape[2] != 1:
        return None
    if mask is None:
        return attended(query, key, value, None, scoring.scaling, scoring.softcap)
    return None if mask.additive is not None else attended(query, key, value, mask.allowed(), scoring.scaling, scoring.softcap)


def _of_many(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
) -> Tensor | None:
    """Many queries in each head, by a kernel of our own; None where there is none for it."""
    if bias is not None or scoring.dropout > 0 or scoring.sinks is not None:
        return None
    if mask is None:
        return attended_by_many(query, key, value, None, 0, False, 0, scoring.scaling)
    if not mask.is_told_by_places or not isinstance(mask.first_query, int):
        return None
    places = mask.first_query, mask.causal, mask.window or 0
    return attended_by_many(query, key, value, mask.padding, *places, scoring.scaling)


def sdpa(query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring) -> Tensor:
    """`torch.nn.functional.scaled_dot_product_attention`, with its causal short cut where the mask is just that."""
    if scoring.softcap is not None:
        raise ArgumentError(
            f"sdpa cannot cap scores (softcap={scoring.softcap}); use attn_implementation='eager' or 'flex_attention'"
        )
    one = query.shape[2] == 1
    # Programs replace torch's function by faster ones.
    ours = _of_one if one else _of_many
    fast = ours(query, key, value, mask, bias, scoring) if F.scaled_dot_product_attention is SDPA else None
    if fast is not None:
        return fast
    if scoring.dropout > 0 and bias is None and scoring.sinks is None and _is_faster_written_out(query, mask):
        return eager(query, key, value, mask, bias, scoring)
    if scoring.sinks is not None:
        with_sinks = eager if one else _sdpa_with_sinks
        return with_sinks(query, key, value, mask, bias, scoring)
    causal = not one and bias is None and mask is not None and mask.plainly_causal
    array = None
    if mask is not None and not causal:
        array = mask.bias(query.dtype) if bias is not None or mask.additive is not None else mask.allowed()
    if bias is not None:
        array = bias if array is None else bias + array
    options: dict[str, Any] = {"scale": scoring.scaling}
    if causal:  # asked, not handed on: of sizes that torch's compiler has as symbols it is a symbol, which nothing takes
        options["is_causal"] = True
    if query.shape[1] != key.shape[1]:
        if one and (array is None or array.shape[1] == array.shape[2] == 1):
            # All query heads of a group look at the same keys: as queries of one head they need no copies of these.
            heads = query.reshape(query.shape[0], key.shape[1], -1, query.shape[3])
            mixed = F.scaled_dot_product_attention(heads, key, value, array, scoring.dropout, **options)
            return mixed.reshape(query.shape[0], query.shape[1], 1, -1)
        if array is None:
            return F.scaled_dot_product_attention(query, key, value, None, scoring.dropout, enable_gqa=True, **options)
        # With a mask the grouped path of torch is slower than repeating.
        key, value = _repeat(key, query.shape[1]), _repeat(value, query.shape[1])
    return F.scaled_dot_product_attention(query, key, value, array, scoring.dropout, **options)


def _is_faster_written_out(query: Tensor, mask: Mask | None) -> bool:
    """Whether torch would multiply matrices too, as it does on CPUs with dropout, and look for queries that see no key.

    The numbers are the same, and those that are left out, where there is no such query; looking at the mask is cheaper.
    """
    if query.device.type != "cpu" or query.dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    if torch.is_autocast_enabled("cpu") or torch._C._functorch.peek_interpreter_stack() is not None:
        return False
    if mask is None or mask.plainly_causal:
        return True
    allowed = mask.allowed()
    return mask.additive is None and (allowed is None or bool(allowed.any(dim=-1).all()))


def _sdpa_with_sinks(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
) -> Tensor:
    """`sdpa` with a slot of zeros before all others. One number more in queries and keys makes its score that of the sink."""
    batch, heads, queries, _ = query.shape
    if scoring.sinks is not None:
        sinks = (scoring.sinks / scoring.scaling).view(1, -1, 1, 1).expand(batch, heads, queries, 1)
        query = torch.cat((query, sinks.to(query.dtype)), dim=-1)
    key, value = F.pad(key, (0, 1, 1, 0)), F.pad(value, (0, 1, 1, 0))
    key[:, :, 0, -1] = 1.0
    scoring = scoring._replace(sinks=None)
    if mask is not None and mask.plainly_causal and bias is None:
        # With a query for the new slot too, the triangle stays one.
        triangle = Mask(queries + 1, queries + 1, mask.device, causal=True)
        return sdpa(F.pad(query, (0, 0, 1, 0)), key, value, triangle, None, scoring)[:, :, 1:, :-1]
    bias = None if bias is None else F.pad(bias, (1, 0))
    if mask is not None:
        allowed, additive = mask.allowed(), mask.additive
        mask = Mask(queries, key.shape[2], mask.device)
        mask.dense = None if allowed is None else F.pad(allowed, (1, 0), value=True)
        mask.additive = None if additive is None else F.pad(additive, (1, 0))
    return sdpa(query, key, value, mask, bias, scoring)[..., :-1]


@cache
def _flex(compiled: bool) -> Callable[..., Any]:
    """Compiled into one fused kernel on an accelerator; on the CPU, where that has no backward pass, run as written."""
    from torch.nn.attention import flex_attention as module

    warnings.filterwarnings("ignore", message="flex_attention called without torch.compile", category=UserWarning)
    attention: Callable[..., Any] = module.flex_attention
    return torch.compile(attention, dynamic=True) if compiled else attention


def flex_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
) -> Tensor:
    """torch's flex attention; mask, bias and soft cap become one score function. It has no attention dropout."""
    if scoring.dropout > 0:
        raise ArgumentError(
            f"flex_attention has no attention dropout (asked: {scoring.dropout}); use attn_implementation='sdpa' for training"
        )
    on_cpu = query.device.type == "cpu"
    if on_cpu and any(x.requires_grad for x in (query, key, value)):
        raise ArgumentError(
            "flex_attention has no backward pass on the CPU; use attn_implementation='sdpa', or torch.no_grad() if no gradients"
            " are wanted"
        )
    attention = _flex(not on_cpu)
    hidden = None if mask is None else mask.bias(query.dtype)
    terms = [
        term.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2]) for term in (bias, hidden) if term is not None
    ]

    def score(score: Tensor, b: Tensor, h: Tensor, t: Tensor, s: Tensor) -> Tensor:
        if scoring.softcap is not None:
            score = capped(score, scoring.softcap)
        for term in terms:
            score = score + term[b, h, t, s]
        return score

    grouped = query.shape[1] != key.shape[1]
    options: dict[str, Any] = {"score_mod": score, "scale": scoring.scaling, "enable_gqa": grouped}
    mixed: Tensor
    if scoring.sinks is None:
        mixed = attention(query, key, value, **options)
        return mixed
    from torch.nn.attention.flex_attention import AuxRequest

    mixed, further = attention(query, key, value, **options, return_aux=AuxRequest(lse=True))
    # Where e^sink joins the sum of the exponentials, that sum's share of both is a sigmoid.
    return mixed * torch.sigmoid(further.lse - scoring.sinks[:, None]).unsqueeze(-1).to(mixed.dtype)


def _flash_package() -> ModuleType:
    return require("flash_attn", "FlashAttention2 (attn_implementation='flash_attention_2')")


def flash_attention_2(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
) -> Tensor:
    """The `flash-attn` package (Dao 2023). Half precision only; padded rows are packed, run and spread again."""
    package = _flash_package()
    if query.dtype not in (torch.float16, torch.bfloat16):
        raise ArgumentError(
            f"flash_attention_2 needs float16 or bfloat16 tensors, found {query.dtype}; load with dtype='bfloat16'"
        )
    if bias is not None or (mask is not None and (mask.dense is not None or mask.additive is not None)):
        raise ArgumentError("flash_attention_2 takes no position bias and no 4-dimensional mask; use sdpa or eager")
    if scoring.sinks is not None:
        raise ArgumentError("flash_attention_2 has no attention sinks; use sdpa, eager or flex_attention")
    causal = mask is not None and mask.causal and query.shape[2] > 1
    window = (-1, -1) if mask is None or mask.window is None else (mask.window - 1, 0 if mask.causal else mask.window - 1)
    options = {
        "dropout_p": scoring.dropout,
        "softmax_scale": scoring.scaling,
        "causal": causal,
        "window_size": window,
        "softcap": scoring.softcap or 0.0,
    }
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    if mask is not None and mask.texts is not None:
        offsets, longest = text_offsets(mask.texts.expand(q.shape[:2]))
        flat = (x.flatten(0, 1) for x in (q, k, v))
        packed = package.flash_attn_varlen_func(*flat, offsets, offsets, longest, longest, **options)
        by_row: Tensor = packed.unflatten(0, q.shape[:2])
        return by_row.transpose(1, 2)
    if mask is None or mask.padding is None:
        mixed: Tensor = package.flash_attn_func(q, k, v, **options)
        return mixed.transpose(1, 2)
    k, _, k_offsets, k_longest = unpad(k, mask.padding)
    q_padding = mask.padding[:, -query.shape[2] :]
    q, q_index, q_offsets, q_longest = unpad(q, q_padding)
    v = unpad(v, mask.padding)[0]
    packed = package.flash_attn_varlen_func(q, k, v, q_offsets, k_offsets, q_longest, k_longest, **options)
    return repad(packed, q_index, query.shape[0], query.shape[2]).transpose(1, 2)


def text_offsets(texts: Tensor) -> tuple[Tensor, int]:
    """Where texts begin among all tokens of all rows, and the end (N + 1), from their numbers (B, T); the longest's length."""
    begins = texts.diff(dim=-1, prepend=texts[:, :1] - 1).flatten().nonzero().flatten()
    offsets = F.pad(begins, (0, 1), value=texts.numel()).int()
    return offsets, int(offsets.diff().max())


def unpad(x: Tensor, padding: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """Drop the padding: (B, S, ...) -> the real rows (N, ...), their flat indices, cumulative lengths (B+1), longest."""
    lengths = padding.sum(-1, dtype=torch.int32)
    index = padding.flatten().nonzero().flatten()
    return x.flatten(0, 1)[index], index, F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0)), int(lengths.max())


def repad(packed: Tensor, index: Tensor, batch: int, length: int) -> Tensor:
    """The inverse of `unpad`, with zeros where the padding was."""
    spread = packed.new_zeros((batch * length, *packed.shape[1:]))
    spread[index] = packed
    output: Tensor = spread.unflatten(0, (batch, length))
    return output


KERNELS: dict[str, Kernel] = {
    "eager": by_text(eager),
    "sdpa": by_text(sdpa),
    "flex_attention": flex_attention,
    "flash_attention_2": flash_attention_2,
}


# Published names of kernels of further packages, as errors call them.
_NOT_YET = {"flash_attention_3": "FlashAttention3", "flash_attention_4": "FlashAttention4"}


def kernel(name: str) -> Kernel:
    """The kernel called `name`; one that needs a package is refused here when the package is missing.

    Raises:
        ArgumentError: no kernel of this name. MissingDependency: its package is not installed, or has no kernel here.
    """
    if name in _NOT_YET:
        raise MissingDependency(
            f"{_NOT_YET[name]} (attn_implementation={name!r}) needs a package for which there is no kernel here yet; use sdpa,"
            " or flash_attention_2, which needs flash-attn"
        )
    if name not in KERNELS:
        near = did_you_mean(name, KERNELS)
        raise ArgumentError(f"unknown attn_implementation {name!r:.80}.{near} Known: {', '.join(KERNELS)}")
    if name == "flash_attention_2":
        _flash_package()
    return KERNELS[name]


def default_scaling(head_size: int) -> float:
    """1/sqrt(K), the scaling of Vaswani et al. 2017."""
    return 1.0 / math.sqrt(head_size)
