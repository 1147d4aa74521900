"""`PreTrainedModel`: what every model can do. A thin delegate: the work is in loading, placement, generation and nn."""

import copy
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ..cache.base import Cache
from ..cache.kinds.dynamic import DynamicCache
from ..core.errors import ArgumentError, InputError
from ..core.outputs import ModelOutput
from ..hub.push import PushToHubMixin
from ..loading.checkpoint import WEIGHT_PATTERNS
from ..loading.rules import Rule
from ..nn.attention import Attend
from ..nn.kernels import KERNELS, kernel
from ..nn.layer import Layer
from ..nn.norm import RMSNorm
from ..nn.rope import Rotary
from . import checks, head_masks
from .config import PreTrainedConfig
from .facts import ModuleUtilsMixin
from .pruning import HeadWeights, prune
from .recording import Stack, recording

_building = threading.local()


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Models built inside leave their weights as they are, because a checkpoint will fill them."""
    _building.skip = True
    try:
        yield
    finally:
        _building.skip = False


class _FinishedOnce(type):
    """Runs `post_init` once, when the outermost model of a nest is complete."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        depth = getattr(_building, "depth", 0)
        _building.depth = depth + 1
        try:
            model = super().__call__(*args, **kwargs)
        finally:
            _building.depth = depth
        model._is_part = depth > 0
        around = any(isinstance(part, PreTrainedModel) for part in model.modules() if part is not model)
        model._reads_tokens = model.main_input_name == "input_ids" and not around
        if depth == 0:
            model.post_init()
        return model


class PreTrainedModel(nn.Module, ModuleUtilsMixin, PushToHubMixin, metaclass=_FinishedOnce):
    """Base of every model.

    Class attributes a family sets:
        config_class: its config. base_model_prefix: the attribute that holds the backbone in a model with a head.
        main_input_name: the first input of forward.
        stacks: prefix of output fields -> where the layers are, relative to the backbone.
        head_weights: which weights of a layer belong to its attention heads; None where heads cannot be pruned.
        kernels: attention implementations it supports, the default first.
        _tied_weights_keys: parameter -> the parameter it shares storage with when `config.tie_word_embeddings`.
        _no_split_modules: class names of blocks that must stay on one device.
        _weight_rules: reversible renames between the file's keys and ours, for checkpoints in an older form.
        _keep_in_fp32_modules: names of modules that stay in fp32 in a 16-bit load.
        _keys_to_ignore_on_load_unexpected: patterns of keys that old checkpoints hold and no model needs.
        _new_with_head: patterns of parameters that start afresh, with a warning, where a checkpoint of a class with another
            head lacks them.
    """

    supersedes = WEIGHT_PATTERNS
    config_class: ClassVar[type[PreTrainedConfig]] = PreTrainedConfig
    base_model_prefix: ClassVar[str] = ""
    main_input_name: ClassVar[str] = "input_ids"
    stacks: ClassVar[dict[str, Stack]] = {}
    head_weights: ClassVar[HeadWeights | None] = None
    kernels: ClassVar[tuple[str, ...]] = ("sdpa", "eager", "flex_attention", "flash_attention_2")
    supports_gradient_checkpointing: ClassVar[bool] = True
    _is_part: bool = False  # built inside of another model
    _reads_tokens: bool = False  # takes token ids, and holds no other model that they go on to
    _tied_weights_keys: ClassVar[dict[str, str]] = {}
    _no_split_modules: ClassVar[list[str]] = []
    _keep_in_fp32_modules: ClassVar[list[str]] = []
    _weight_rules: ClassVar[tuple[Rule, ...]] = ()
    _new_with_head: ClassVar[list[str]] = []
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"rotary_emb\.inv_freq$", r"(^|\.)position_ids$"]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        if not isinstance(config, PreTrainedConfig):
            raise ArgumentError(
                f"{type(self).__name__} is built from a config, found {type(config).__name__};"
                f" to open a checkpoint use {type(self).__name__}.from_pretrained(...)"
            )
        self.config = config
        self.load_report: Any = None

    def post_init(self) -> None:
        """Prune, set the kernel, initialise, tie. Runs by itself when a model is complete; again, it changes nothing new."""
        self._prune_as_configured()
        self.set_attn_implementation(self.config.__dict__["_attn_implementation"] or self.kernels[0])
        if not getattr(_building, "skip", False) and not self.__dict__.get("_initialised"):
            self.init_weights()
        self._initialised = True
        self.tie_weights()

    # calling ---------------------------------------------------------------------------------------------------------

    def __call__(
        self,
        *args: Any,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the model.

        Args:
            output_hidden_states: also give the input of every layer and the final state, L+1 tensors (B, T, D).
            output_attentions: also give the attention probabilities of every layer, L tensors (B, H, T, S). For this call
                the eager formula computes them, whatever kernel is set.
            return_dict: False gives a plain tuple.
            head_mask, decoder_head_mask, cross_attn_head_mask: (H,) or (L, H), 0 where a head is switched off.
            cache_position: (T,) slots of the new tokens; needed by nothing, and refused where the cache counts otherwise.

        Other arguments are those of `forward`, whose output class says what comes back.
        """
        if self._reads_tokens and not torch.compiler.is_compiling():
            checks.check_tokens(self, args, kwargs)
        if "cache_position" in kwargs:
            checks.take_cache_position(self, kwargs)
        masks = {name: kwargs.pop(name) for name in head_masks.NAMES if name in kwargs}
        masks = {name: mask for name, mask in masks.items() if mask is not None} if masks else masks
        if masks:
            with head_masks.heads_masked(self.base_model, self.stacks, masks):
                flags = {"output_hidden_states": output_hidden_states, "output_attentions": output_attentions}
                return self(*args, **flags, return_dict=return_dict, **kwargs)
        hidden = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        attentions = self.config.output_attentions if output_attentions is None else output_attentions
        if not hidden and not attentions:
            output = self._run(*args, **kwargs)
        else:
            with recording(self.base_model, self.stacks, hidden, attentions) as recorder:
                output = self._run(*args, **kwargs)
            for name, value in recorder.results().items():
                holder, _, field = name.rpartition(".")
                setattr(output[holder] if holder else output, field, value)
        # The model around a part reads its output by name, whatever the config they share says.
        plain = not (self.config.return_dict or self._is_part if return_dict is None else return_dict)
        return output.to_tuple() if plain and isinstance(output, ModelOutput) else output

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except (TypeError, AttributeError, IndexError) as error:
            clear = checks.explained(self, args, kwargs, error)
            if clear is None:
                raise
            raise clear from error

    def check_padding(self, ids: Tensor) -> None:
        """Refuse padding in `ids` (B, T) without a mask; a family in which padding changes nothing overrides this."""
        checks.check_padding(self, ids)

    def start_cache(self, past_key_values: Any, use_cache: bool | None) -> Any:
        """The cache of this call: the caller's, a new one, or None. Recomputing layers in training excludes a cache."""
        # Looking through all modules comes last: this runs for every token.
        recomputing = self.training and torch.is_grad_enabled() and self.is_gradient_checkpointing
        if recomputing and (past_key_values is not None or use_cache):
            raise ArgumentError("gradient checkpointing recomputes layers and cannot fill a cache; pass use_cache=False")
        if isinstance(past_key_values, tuple | list):
            raise InputError("past_key_values is a tuple of tensors; make a cache of it: DynamicCache.from_legacy_cache(...)")
        if past_key_values is not None:
            if isinstance(past_key_values, Cache) and past_key_values.needs_rotary:
                past_key_values.rotary = self.rotary()
            return past_key_values
        wanted = self.config.use_cache if use_cache is None else use_cache
        return DynamicCache() if wanted and not recomputing else None

    def rotary(self) -> Rotary | None:
        """What gives this model's keys their positions; None when its positions are not rotary."""
        found = [module for module in self.modules() if isinstance(module, Rotary)]
        if any(module.parameters_ != found[0].parameters_ for module in found):
            raise ArgumentError("the layers of this model rotate by different tables, and a sink cache knows only one")
        return found[0] if found else None

    # parts -----------------------------------------------------------------------------------------------------------

    @property
    def base_model(self) -> nn.Module:
        """The backbone: the model without its head, or the model itself when it has none."""
        backbone = self._modules.get(self.base_model_prefix)
        return self if backbone is None else backbone

    def get_input_embeddings(self) -> nn.Module:
        """The embedding of the main input; a head around a backbone has the backbone's."""
        backbone = self.base_model
        if backbone is not self and isinstance(backbone, PreTrainedModel):
            return backbone.get_input_embeddings()
        raise ArgumentError(f"{type(self).__name__} has no token embedding")

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of the main input, keeping its place in the tree."""
        self._replace(self.get_input_embeddings(), value)
        self.tie_weights()

    def get_output_embeddings(self) -> nn.Module | None:
        """The linear layer that gives logits over the vocabulary, or None."""
        return None

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the layer that gives logits over the vocabulary."""
        old = self.get_output_embeddings()
        if old is None:
            raise ArgumentError(f"{type(self).__name__} has no output embedding")
        self._replace(old, value)

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        """Biases over the vocabulary, as (module, name): they are resized with the embedding."""
        head = self.get_output_embeddings()
        return [(head, "bias")] if isinstance(head, nn.Linear) and head.bias is not None else []

    def _replace(self, old: nn.Module, new: nn.Module) -> None:
        for name, module in list(self.named_modules(remove_duplicate=False)):
            if module is old:
                parent, _, leaf = name.rpartition(".")
                setattr(self.get_submodule(parent), leaf, new)

    def tied_weights(self) -> dict[str, str]:
        """Parameter -> the parameter it shares storage with, for this model and its config."""
        if not self.config.get_text_config().tie_word_embeddings:
            return {}
        return dict(self._tied_weights_keys)

    def tie_weights(self) -> None:
        """Make every tied parameter the very object it is tied to."""
        for target, source in self.tied_weights().items():
            parent, _, leaf = target.rpartition(".")
            setattr(self.get_submodule(parent), leaf, self.get_parameter(source))

    def init_weights(self, only: set[str] | None = None) -> None:
        """Give weights their starting values: all of them, or those of the modules that own the parameters `only`."""
        owners = None if only is None else {name.rpartition(".")[0] for name in only}
        for name, module in self.named_modules():
            if owners is None or name in owners:
                self._init_weights(module)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Starting values of one module's own parameters; a family overrides this where it differs."""
        deviation = self.config.get("initializer_range", 0.02)
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Embedding):
            module.weight.normal_(0.0, deviation)
            if isinstance(module, nn.Embedding):
                if module.padding_idx is not None:
                    module.weight[module.padding_idx].zero_()
            elif module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.LayerNorm | RMSNorm):
            module.weight.fill_(1.0)
            if isinstance(module, nn.LayerNorm) and module.bias is not None:
                module.bias.zero_()

    def prune_heads(self, heads_to_prune: Mapping[int, Collection[int]]) -> None:
        """Cut attention heads out for good, {layer: heads}: see `modeling/pruning.py`."""
        prune(self, heads_to_prune)

    def _prune_as_configured(self) -> None:
        """Cut out what `pruned_heads` of each config says, in the outermost model that has this config."""
        seen: set[int] = set()
        for module in self.modules():
            if isinstance(module, PreTrainedModel) and id(module.config) not in seen:
                seen.add(id(module.config))
                if module.config.pruned_heads:
                    module.prune_heads(module.config.pruned_heads)

    # attention and recomputation -------------------------------------------------------------------------------------

    @property
    def attn_implementation(self) -> str:
        """The attention kernel in use."""
        return str(self.config.__dict__["_attn_implementation"])

    def set_attn_implementation(self, name: str) -> None:
        """Use the kernel `name` in every attention layer.

        Raises:
            ArgumentError: unknown, or not possible for this family. MissingDependency: its package is not installed.
        """
        if name in KERNELS and name not in self.kernels:
            raise ArgumentError(f"{type(self).__name__} cannot use {name!r}; it supports {', '.join(self.kernels)}")
        kernel(name)
        for module in self.modules():
            if isinstance(module, Attend):
                module.implementation = name
            elif isinstance(module, PreTrainedModel):
                module.config.__dict__["_attn_implementation"] = name

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: dict[str, Any] | None = None) -> None:
        """Recompute layers in the backward pass instead of keeping their activations; keywords go to torch's checkpoint."""
        for module in self.modules():
            if isinstance(module, Layer):
                module.recompute = {"use_reentrant": False, **(gradient_checkpointing_kwargs or {})}

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations again."""
        for module in self.modules():
            if isinstance(module, Layer):
                module.recompute = None

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are recomputed in the backward pass."""
        return any(module.recompute is not None for module in self.modules() if isinstance(module, Layer))

    def enable_input_require_grads(self) -> None:
        """Make the embedding's output require gradients, so that adapters behind a frozen embedding get theirs."""
        hook: Callable[..., Any] = lambda module, args, output: output.requires_grad_(True)  # noqa: E731
        self._require_grads_hook = self.get_input_embeddings().register_forward_hook(hook)

    def disable_input_require_grads(self) -> None:
        """Undo `enable_input_require_grads`."""
        self._require_grads_hook.remove()

    @classmethod
    def can_generate(cls) -> bool:
        """Whether the class has `generate`; those that do override this."""
        return False

    # opening and saving ----------------------------------------------------------------------------------------------

    @classmethod
    def from_config(cls, config: PreTrainedConfig, dtype: Any = None, **kwargs: Any) -> Self:
        """A model with fresh weights, in `dtype` (also `torch_dtype`); None and "auto": the config's, else float32.

        Raises:
            InputError: the dtype is not a floating-point one.
        """
        from .opening import floating_dtype

        dtype = kwargs.pop("torch_dtype", dtype)
        dtype = (None if dtype == "auto" else dtype) or config.dtype or torch.float32
        config = copy.deepcopy(config)
        kwargs.pop("trust_remote_code", None)
        if "attn_implementation" in kwargs:
            config.__dict__["_attn_implementation"] = kwargs.pop("attn_implementation")
        chosen, before = floating_dtype(dtype), torch.get_default_dtype()
        torch.set_default_dtype(chosen)
        try:
            model = cls(config, **kwargs)
        finally:
            torch.set_default_dtype(before)
        model.config.dtype = chosen
        return model

    _from_config = from_config

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *model_args: Any, **kwargs: Any) -> Any:
        """Open a checkpoint: see `modeling/opening.py` for every keyword."""
        from .opening import open_model

        return open_model(cls, name_or_path, *model_args, **kwargs)

    def save_pretrained(self, folder: Any, **kwargs: Any) -> list[Path]:
        """Write config, generation settings and weights: see `modeling/opening.py` for every keyword."""
        from .opening import save_model

        return save_model(self, folder, **kwargs)

    def resize_token_embeddings(self, new_num_tokens: int | None = None, **kwargs: Any) -> nn.Module:
        """Grow or shrink the vocabulary: see `modeling/resizing.py`."""
        from .resizing import resize

        return resize(self, new_num_tokens, **kwargs)
