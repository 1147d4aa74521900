"""What a module says about itself (place, size, cost, memory: `ModuleUtilsMixin`), and what its class says (`PublishedFlags`).

And masks as the older releases made them, for modules written against those; no model here uses them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..core.logging import warn_once
from ..core.optional import require
from ..core.signatures import is_of_the_library
from ..nn.inputs import forward_parameters
from ..nn.quantized import QuantizedEmbedding, QuantizedLinear
from ..placement.dispatch import main_device

_MODALITIES = {"text": ("input_ids",), "image": ("pixel_values",), "audio": ("input_features", "input_values")}
_IDS = ((7, 6, 0, 0, 1), (1, 2, 3, 0, 0), (0, 0, 0, 4, 5))


class ModuleUtilsMixin:
    """Adds facts and helpers to a `torch.nn.Module`; some read its `config` and `main_input_name`."""

    # where and what -----------------------------------------------------------------------------------------------------

    @property
    def device(self: Any) -> torch.device:
        """Where inputs must be: where the first parameter is, or is brought to for computing."""
        device = next(self.parameters()).device
        spread = self.__dict__.get("hf_device_map")
        return main_device(spread) if device.type == "meta" and spread is not None else device

    @property
    def dtype(self: Any) -> torch.dtype:
        """The type of the first floating-point parameter."""
        dtype: torch.dtype = next(p.dtype for p in self.parameters() if p.is_floating_point())
        return dtype

    # size and cost ------------------------------------------------------------------------------------------------------

    def num_parameters(self: Any, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Number of parameters, shared ones once."""
        skipped: set[int] = set()
        if exclude_embeddings:
            dense = [m for m in self.modules() if isinstance(m, nn.Embedding) and not isinstance(m, QuantizedEmbedding)]
            skipped = {id(m.weight) for m in dense}
        count: int = sum(
            p.numel() for p in self.parameters() if id(p) not in skipped and (p.requires_grad or not only_trainable)
        )
        packed = [each for each in _quantized(self) if not (exclude_embeddings and isinstance(each, QuantizedEmbedding))]
        return count if only_trainable else count + sum(layer.parameter_count for layer in packed)

    def get_memory_footprint(self: Any, return_buffers: bool = True) -> int:
        """Bytes of parameters, and of buffers unless `return_buffers` is False.

        Of weights in the format of bitsandbytes without their scales (at most an eighth of them), as published.
        """
        tensors = [*self.parameters(), *(self.buffers() if return_buffers else ())]
        packed = sum(layer.parameter_bytes for layer in _quantized(self))
        total: int = packed + sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return total

    def estimate_tokens(self: Any, input_dict: Mapping[str, Any]) -> int:
        """Numbers in the main input, which are tokens where that is text; 0, with a warning, when it is not there."""
        main = input_dict.get(self.main_input_name)
        if main is None:
            names = ", ".join(input_dict) or "nothing"
            warn_once("no-tokens", f"tokens are counted in {self.main_input_name}, and the inputs hold {names}: taken for 0")
            return 0
        return int(main.numel())

    def floating_point_ops(self: Any, input_dict: Mapping[str, Any], exclude_embeddings: bool = True) -> int:
        """Operations of a forward and a backward pass, 6 for each parameter and token (Kaplan et al. 2020, section 2.1)."""
        operations: int = 6 * self.estimate_tokens(input_dict) * self.num_parameters(exclude_embeddings=exclude_embeddings)
        return operations

    def add_memory_hooks(self: Any) -> None:
        """From now on every part keeps `mem_rss_diff`, the bytes by which its forward passes made the process grow.

        Raises:
            MissingDependency: psutil is not installed.
        """
        process = require("psutil", "add_memory_hooks").Process()

        def before(module: nn.Module, args: Any) -> None:
            module.mem_rss_pre_forward = process.memory_info().rss

        def after(module: nn.Module, args: Any, output: Any) -> None:
            module.mem_rss_post_forward = process.memory_info().rss
            grown = module.mem_rss_post_forward - module.__dict__["mem_rss_pre_forward"]
            module.mem_rss_diff = module.__dict__.get("mem_rss_diff", 0) + grown

        for module in self.modules():
            module.register_forward_pre_hook(before)
            module.register_forward_hook(after)
        self.reset_memory_hooks_state()

    def reset_memory_hooks_state(self: Any) -> None:
        """Set `mem_rss_diff` of every part back to 0 bytes."""
        for module in self.modules():
            for name in ("mem_rss_diff", "mem_rss_post_forward", "mem_rss_pre_forward"):
                module.__dict__[name] = 0

    # masks as numbers ---------------------------------------------------------------------------------------------------

    def get_extended_attention_mask(
        self: Any,
        attention_mask: Tensor,
        input_shape: tuple[int, ...],
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """What to add to scores: 0 where a 1 stands, the least number where a 0 stands.

        A mask (B, S) becomes (B, 1, 1, S), or, in a decoder (`config.is_decoder`), causal for the T tokens of `input_shape`,
        (B, 1, T, S); a mask (B, T, S) becomes (B, 1, T, S).

        Raises:
            InputError: a mask of other dimensions.
        """
        mask = attention_mask if device is None else attention_mask.to(device)
        if mask.dim() == 2 and self.config.is_decoder:
            allowed = self.create_extended_attention_mask_for_decoder(input_shape, mask)
        else:
            allowed = _with_heads(mask)
        return _added(allowed, self.dtype if dtype is None else dtype)

    def invert_attention_mask(self: Any, encoder_attention_mask: Tensor) -> Tensor:
        """A mask (B, S) or (B, T, S) of ones and zeros as what to add to scores, (B, 1, 1 or T, S).

        Raises:
            InputError: a mask of other dimensions.
        """
        return _added(_with_heads(encoder_attention_mask), self.dtype)

    @staticmethod
    def create_extended_attention_mask_for_decoder(
        input_shape: tuple[int, ...], attention_mask: Tensor, device: torch.device | None = None
    ) -> Tensor:
        """Ones (B, 1, T, S) where the T last of the S tokens that `attention_mask` (B, S) calls real may look, else zeros."""
        mask = attention_mask if device is None else attention_mask.to(device)
        queries, keys = input_shape[1], mask.shape[1]
        causal = torch.ones(queries, keys, dtype=mask.dtype, device=mask.device).tril(keys - queries)
        return causal * mask[:, None, None, :]

    def get_head_mask(
        self: Any, head_mask: Tensor | None, num_hidden_layers: int, is_attention_chunked: bool = False
    ) -> Tensor | list[None]:
        """A mask (H,) or (L, H) as (L, 1, H, 1, 1), one dimension more for chunked attention; a list of None for None."""
        if head_mask is None:
            return [None] * num_hidden_layers
        if head_mask.dim() not in (1, 2):
            raise InputError(f"head_mask has shape {tuple(head_mask.shape)}; expected (heads,) or (layers, heads)")
        rows = head_mask.expand(num_hidden_layers, -1) if head_mask.dim() == 1 else head_mask
        full = rows[:, None, :, None, None].to(self.dtype)
        return full.unsqueeze(-1) if is_attention_chunked else full


def _with_heads(mask: Tensor) -> Tensor:
    if mask.dim() not in (2, 3):
        raise InputError(f"an attention mask has shape {tuple(mask.shape)}; expected (batch, keys) or (batch, queries, keys)")
    return mask[:, None, None, :] if mask.dim() == 2 else mask[:, None]


def _added(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    return (1.0 - allowed.to(dtype)) * torch.finfo(dtype).min


class Fact:
    """An attribute that a function computes from the class, read from it or from a model."""

    def __init__(self, of: Callable[[Any], Any]) -> None:
        self.of = of

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.of(owner)


def _has(kernel: str) -> Fact:
    return Fact(lambda cls: kernel in cls.kernels)


class PublishedFlags:
    """Class attributes that trainers and accelerate read, here facts of the class. A class of somebody's keeps what it sets."""

    _supports_sdpa: Any = _has("sdpa")
    _supports_flash_attn: Any = _has("flash_attention_2")
    _supports_flash_attn_2: Any = _has("flash_attention_2")  # until 4.53
    _supports_flex_attn: Any = _has("flex_attention")
    # A registered function takes the place of any kernel (`nn/registered.py`).
    _supports_attention_backend: Any = Fact(lambda cls: bool(cls.kernels))
    # The tests compile every family as one graph; of the classes of others nothing is known.
    _can_compile_fullgraph: Any = Fact(is_of_the_library)
    # A cache changes while the model runs: a copy on another device would be lost.
    _skip_keys_device_placement: Any = ("past_key_values",)

    def add_model_tags(self: Any, tags: str | list[str]) -> None:
        """Labels for the card that `push_to_hub` writes, in addition to those that are there."""
        more = [tags] if isinstance(tags, str) else list(tags)
        if not all(isinstance(tag, str) for tag in more):
            raise ArgumentError(f"tags is {tags!r:.80}; expected a text or a list of texts")
        vars(self)["model_tags"] = list(dict.fromkeys([*(self.model_tags or ()), *more]))

    @property
    def input_modalities(self: Any) -> str | tuple[str, ...]:
        """What forward takes: "image", "text", "audio", "time" (a series); several as a tuple."""
        names = forward_parameters(type(self), type(self.base_model))
        kinds = tuple(kind for kind, inputs in _MODALITIES.items() if not names.isdisjoint(inputs))
        kinds = kinds or ("time",)
        return kinds[0] if len(kinds) == 1 else kinds

    @property
    def dummy_inputs(self: Any) -> dict[str, torch.Tensor]:
        """Ids (3, 5) to try a model of text with; an encoder-decoder gets them twice.

        Raises:
            AttributeError: the model takes something else.
        """
        if self.main_input_name != "input_ids":
            raise AttributeError(f"{type(self).__name__} takes {self.main_input_name}, which its processor makes")
        ids = torch.tensor(_IDS)
        return {"input_ids": ids, **({"decoder_input_ids": ids} if self.config.is_encoder_decoder else {})}

    @property
    def tp_plan(self) -> dict[str, str]:
        """Empty: no model here is split by a plan of its own; accelerate and torch split any."""
        return {}

    pp_plan = tp_plan


def _quantized(model: nn.Module) -> Iterable[QuantizedLinear | QuantizedEmbedding]:
    return (module for module in model.modules() if isinstance(module, QuantizedLinear | QuantizedEmbedding))
