"""`PreTrainedModel`: what every model can do. A thin delegate: the work is in loading, placement, generation and nn."""

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, Self, Unpack, overload

import torch
from torch import nn

from ..core.dtypes import floating_dtype
from ..core.errors import ArgumentError
from ..core.signatures import showing_options_of
from ..hub.code.options import CodeOptions
from ..hub.code.saving import registers_for
from ..hub.files import HubOptions
from ..hub.options import NameOrPath
from ..nn.block import set_kernel
from ..nn.kernels import KERNELS, kernel
from ..nn.registered import FUNCTIONS
from .building import initialising
from .calling import CallMixin
from .config import PreTrainedConfig
from .loss_functions import LossMixin
from .opening import OpenKeywords, OpenOptions, one_dtype, open_model
from .pruning import prune
from .quantized import QuantizedMixin
from .resizing import resize
from .saving import save_model


class PreTrainedModel(QuantizedMixin, CallMixin, LossMixin):
    """Base of every model. What a family declares is in `modeling/parts.py`, running a model in `modeling/calling.py`."""

    register_for_auto_class = registers_for("AutoModel")

    def post_init(self) -> None:
        """Show configs, prune, set the kernel, initialise, tie. Runs by itself when a model is complete, and may run again."""
        self.share_configs()
        self._prune_as_configured()
        self._set_kernels_as_configured()
        if initialising() and not self._initialised:
            self.init_weights()
        for module in self.modules():  # a part of it, too, keeps its weights where another model is made of it
            if isinstance(module, PreTrainedModel):
                module._initialised = True
                blocks = [each._no_split_modules for each in module.modules() if isinstance(each, PreTrainedModel)]
                module.__dict__["_no_split_modules"] = {name for names in blocks for name in names}
        self.tie_weights()
        if self.supports_gradient_checkpointing and vars(self.config).pop("gradient_checkpointing", False):
            self.activation_checkpointing_enable()  # as configs of old releases asked for it; the model says it from here on

    # heads and kernels -----------------------------------------------------------------------------------------------

    def prune_heads(self, heads_to_prune: Mapping[int, Collection[int]]) -> None:
        """Cut attention heads out for good, {layer: heads}, of an encoder-decoder in the encoder: see `modeling/pruning.py`.

        Raises:
            ArgumentError: the family does not say which weights belong to a head. InputError: no such layer or head.
        """
        stack = self.stacks.get("") or self.stacks.get("encoder_")
        if self.head_weights is None or stack is None:
            raise ArgumentError(
                f"{type(self).__name__} cannot prune heads: it does not say which weights belong to one head alone;"
                " head_mask= switches heads off for a call"
            )
        layers: Any = self.base_model.get_submodule(stack.layers)
        prune(self, layers, self.head_weights, heads_to_prune, self.config)

    def _prune_as_configured(self) -> None:
        """Cut out what `pruned_heads` of each config says, in the outermost model that has this config."""
        pruned: set[int] = set()
        for module in self.modules():
            if isinstance(module, PreTrainedModel) and id(module.config) not in pruned:
                pruned.add(id(module.config))
                if module.config.pruned_heads:
                    module.prune_heads(module.config.pruned_heads)

    @property
    def attn_implementation(self) -> str:
        """The attention kernel in use."""
        return str(self.config.__dict__["_attn_implementation"])

    def set_attn_implementation(self, attn_implementation: str | Mapping[str, str] | None) -> None:
        """Use one kernel in all attention, or kernels by part, {"text_config": "eager"}; "" is the model itself.

        None is the family's usual one. A name may also be one that a function is registered for (`nn/registered.py`).

        Raises:
            ArgumentError: unknown, or not possible for this family; no such part. MissingDependency: its package is not
                installed.
        """
        attn_implementation = self.kernels[0] if attn_implementation is None else attn_implementation
        by_part = isinstance(attn_implementation, Mapping)
        names = attn_implementation if isinstance(attn_implementation, Mapping) else {"": attn_implementation}
        self.config.check_parts("attn_implementation", names)
        for each in set(map(str, names.values())) - FUNCTIONS.keys():
            if each in KERNELS and each not in self.kernels:
                raise ArgumentError(f"{type(self).__name__} cannot use {each!r}; it supports {', '.join(self.kernels)}")
            kernel(each)
        by_config = {id(self.config.parts()[part]): each for part, each in names.items()}
        for path, module, model in self.each_module():
            chosen = by_config.get(id(model.config)) if by_part else names[""]
            if chosen is not None and module is model:
                model.config.__dict__["_attn_implementation"] = model.__dict__["_kernel_in_use"] = chosen
            elif chosen is not None:
                set_kernel(module, chosen, self.get_submodule(path.rpartition(".")[0]))

    def _show_published(self) -> None:
        """As below; a kernel that somebody wrote into the config comes into use."""
        kernel = self.config.__dict__["_attn_implementation"]
        if self.__dict__.get("_kernel_in_use", kernel) != kernel:
            self._set_kernels_as_configured()
        super()._show_published()

    def _set_kernels_as_configured(self) -> None:
        """The kernels that the config names: one for all, or some by part; the others are what their own config says."""
        name = self.config.__dict__["_attn_implementation"]
        if isinstance(name, str):
            return self.set_attn_implementation(name)
        configured = {part: config.__dict__["_attn_implementation"] for part, config in self.config.parts().items() if part}
        self.set_attn_implementation(self.kernels[0])
        self.set_attn_implementation({part: each for part, each in (configured | (name or {})).items() if each is not None})

    # opening and saving ----------------------------------------------------------------------------------------------

    @classmethod
    def from_config(cls, config: PreTrainedConfig, dtype: Any = None, **kwargs: Any) -> Self:
        """A model with fresh weights, in `dtype` (also `torch_dtype`); None and "auto": the config's, else float32.

        Raises:
            InputError: the dtype is not a floating-point one.
        """
        dtype = kwargs.pop("torch_dtype", dtype)
        dtype = one_dtype(dtype, config)
        dtype = floating_dtype((None if dtype == "auto" else dtype) or config.dtype or torch.float32)
        config = copy.deepcopy(config)
        _, kwargs = CodeOptions.split(kwargs)  # a class that is here needs no code from a checkpoint
        if "attn_implementation" in kwargs:
            config.__dict__["_attn_implementation"] = kwargs.pop("attn_implementation")
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = cls(config, **kwargs)
        finally:
            torch.set_default_dtype(before)
        model.config.dtype = dtype
        return model

    _from_config = from_config

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: NameOrPath | None,
        *model_args: Any,
        output_loading_info: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath | None, *model_args: Any, **kwargs: Unpack[OpenKeywords]
    ) -> Self: ...

    @overload  # any field of the family's config is a keyword as well
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: NameOrPath | None,
        *model_args: Any,
        output_loading_info: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    @showing_options_of(OpenOptions, HubOptions)
    def from_pretrained(cls, pretrained_model_name_or_path: NameOrPath | None, *model_args: Any, **kwargs: Any) -> Any:
        """Open a checkpoint: see `modeling/opening.py` for every keyword."""
        return open_model(cls, pretrained_model_name_or_path, *model_args, **kwargs)

    @showing_options_of(save_model)
    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> list[Path]:
        """Write config, generation settings and weights: see `modeling/saving.py` for every keyword."""
        return save_model(self, save_directory, **kwargs)

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """Grow or shrink the vocabulary: see `modeling/resizing.py`."""
        return resize(self, new_num_tokens, pad_to_multiple_of, mean_resizing)
