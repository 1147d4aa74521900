"""What calling a model does around its `forward`: inputs checked, head masks set, hidden states and attentions recorded."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from types import MethodType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, overload

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..cache.base import Cache
from ..cache.kinds.dynamic import DynamicCache
from ..core.errors import ArgumentError, InputError
from ..core.kinds import Size, describe, fits
from ..core.logging import warn_once
from ..core.outputs import ModelOutput
from ..core.signatures import is_of_the_library, stand_for, undecorated
from ..nn import inputs
from ..nn.attention_keywords import attention_keywords, with_attention_keywords
from ..nn.block import Block, kernel_of, show_published, use_kernel
from ..nn.layer import Layer
from ..nn.packed import rows_are_packed, with_packed_texts
from ..nn.registered import FUNCTIONS
from ..nn.rope import Rotary
from . import checks, head_masks
from .explaining import OF_EVERY_CALL, UNCLEAR, explained, hooked
from .forward_signature import places, shown_forward
from .packing import PACKING, take_packed_texts
from .parts import ModelParts
from .recording import recording
from .registered_attention import take_attention_keywords

Output = TypeVar("Output", covariant=True)
_FLAGS = frozenset({"output_hidden_states", "output_attentions", "return_dict"})
_OF_EVERY_CALL = frozenset({*OF_EVERY_CALL, "cache_position", *PACKING})


class Runs(Protocol[Output]):
    """What is called with the arguments of `forward` and gives what that does: so a call shows the fields of its output."""

    @property
    def forward(self) -> Callable[..., Output]: ...


def _as_a_call(forward: Callable[..., Any], shown: Signature) -> Callable[..., Any]:
    """`forward` that, called by itself with what only `model(...)` takes, does what a call does. Libraries call it so."""
    of_every_call = _OF_EVERY_CALL - signature(forward).parameters.keys()

    @wraps(forward)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if of_every_call.isdisjoint(kwargs):
            return forward(self, *args, **kwargs)
        flags = {name: kwargs.pop(name, None) for name in _FLAGS}
        return self._call(MethodType(forward, self), args, kwargs, **flags)

    stand_for(forward, run, shown)
    return run


class CallMixin(ModelParts):
    """`model(...)`: checks inputs, runs `forward`, records hidden states and attentions; starts caches, recomputes layers."""

    backbone_class: ClassVar[type[nn.Module] | None] = None  # what a head stands on, which shows in its `forward`
    # Names of the arguments of `forward`, in the order in which `model(...)` takes them by place.
    _places: ClassVar[tuple[str, ...]] = ()
    _own_flags: ClassVar[frozenset[str]] = frozenset()
    # What a class of a user's can record, for its decorator: see `compat/output_capturing.py`.
    _can_record_outputs: ClassVar[dict[str, Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        forward = shown_forward(cls, cls.backbone_class)
        if forward is not None:
            cls.forward = _as_a_call(undecorated(forward), signature(forward))
        elif "forward" in vars(cls):
            cls.forward = _as_a_call(vars(cls)["forward"], signature(vars(cls)["forward"]))
        cls._places = places(cls.forward)
        # A forward that a user wrote from nothing collects what these ask for by itself.
        collects = not cls.stacks and not is_of_the_library(cls.forward)
        parameters = signature(undecorated(cls.forward)).parameters.values()
        takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters)
        if collects and takes_any and cls._can_record_outputs is not None:
            cls._own_flags = _FLAGS
        else:
            cls._own_flags = _FLAGS & set(cls._places) if collects and "output_hidden_states" in cls._places else frozenset()

    @overload
    def __call__(self, *args: Any, return_dict: Literal[False], **kwargs: Any) -> tuple[Any, ...]: ...

    @overload
    def __call__(
        self: Runs[Output],
        *args: Any,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: Literal[True] | None = None,
        **kwargs: Any,
    ) -> Output: ...

    @overload
    def __call__(self: Runs[Output], *args: Any, return_dict: bool | None, **kwargs: Any) -> Output | tuple[Any, ...]: ...

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
            return_dict: False gives a plain tuple; None does what the config says.
            head_mask, decoder_head_mask, cross_attn_head_mask: (H,) or (L, H), 0 where a head is switched off.
            cache_position: (T,) slots of the new tokens; needed by nothing, and refused where the cache counts otherwise.
            seq_idx: (B, T) numbers of the texts that the tokens of a row belong to; they see nothing of each other. So do texts
                that begin at `cu_seq_lens_q` (N + 1), as `DataCollatorWithFlattening` gives them.

        Other arguments are those of `forward`, whose output class says what comes back.
        """
        flags = {"output_hidden_states": output_hidden_states, "output_attentions": output_attentions}
        return self._call(self._run, args, kwargs, return_dict=return_dict, **flags)

    def _call(
        self,
        run: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """What `run` gives, a forward of this model, with all that a call does around it."""
        if len(args) > 1:
            args, kwargs = self._by_name(args, kwargs)
        if not torch.compiler.is_compiling():
            self._show_published()
        keywords = self._take_attention_keywords(kwargs) if FUNCTIONS and attention_keywords() is None else None
        if keywords is not None:
            with with_attention_keywords(keywords):
                return self._call(run, args, kwargs, output_hidden_states, output_attentions, return_dict)
        if not PACKING.isdisjoint(kwargs):
            packed = take_packed_texts(self, args, kwargs)
            if packed is not None:
                with with_packed_texts(packed):
                    return self._call(run, args, kwargs, output_hidden_states, output_attentions, return_dict)
        if "token_type_ids" in kwargs and "token_type_ids" not in self._places:
            checks.drop_segments(self, kwargs)
        if self.main_input_name == "input_ids" and not torch.compiler.is_compiling() and not self.holds_models():
            checks.check_tokens(self, args, kwargs)
        if "cache_position" in kwargs:
            checks.take_cache_position(self, kwargs)
        masks = {name: kwargs.pop(name) for name in head_masks.NAMES if name in kwargs}
        masks = {name: mask for name, mask in masks.items() if mask is not None} if masks else masks
        if masks:
            with head_masks.heads_masked(self.base_model, self.stacks, masks):
                return self._call(run, args, kwargs, output_hidden_states, output_attentions, return_dict)
        if self._own_flags:
            flags = {"output_hidden_states": output_hidden_states, "output_attentions": output_attentions}
            flags |= {"return_dict": return_dict}
            chosen = {name: value for name, value in flags.items() if name in self._own_flags and value is not None}
            return run(*args, **chosen, **kwargs)
        inputs.check_flag(output_hidden_states, "output_hidden_states")
        inputs.check_flag(output_attentions, "output_attentions")
        inputs.check_flag(return_dict, "return_dict")
        hidden = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        attentions = self.config.output_attentions if output_attentions is None else output_attentions
        if not hidden and not attentions:
            output = run(*args, **kwargs)
        else:
            inputs.warn_of_words(output_hidden_states=hidden, output_attentions=attentions)
            with recording(self.base_model, self.stacks, hidden, attentions) as recorder:
                output = run(*args, **kwargs)
            for name, value in recorder.results().items():
                holder, _, field = name.rpartition(".")
                setattr(output[holder] if holder else output, field, value)
            self._arrange_recorded(output)
        inputs.warn_of_words(return_dict=return_dict)
        plain = not (self.config.return_dict if return_dict is None else return_dict)
        return output.to_tuple() if plain and isinstance(output, ModelOutput) else output

    def _arrange_recorded(self, output: Any) -> None:
        """Bring what was recorded into the form that the family publishes, where that is another."""

    def _take_attention_keywords(self, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        backbone = self.base_model
        known = {*self._places, *(backbone._places if isinstance(backbone, CallMixin) else ())}
        return take_attention_keywords(self, known, kwargs)

    def _show_published(self) -> None:
        """Let modules of others that stand among the layers be called as published models call theirs.

        They use the kernel of the model.
        """
        kernel = self.config.__dict__["_attn_implementation"]
        for stack in self.stacks.values() if self.base_model is self else ():
            with suppress(AttributeError):  # one half of a model may have the layers of that half alone
                for layer in self.get_submodule(stack.layers).children():
                    if not isinstance(layer, Block):
                        show_published(layer, None, kernel)
                    elif layer.runs_code_of_others() and kernel_of(layer) != kernel:
                        use_kernel(layer, kernel)

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with all but the first by name: forward takes fewer by place than the published one."""
        if len(args) > len(self._places):
            return args, kwargs  # forward says what it takes
        named = dict(zip(self._places[1:], args[1:], strict=False))
        for name in named.keys() & kwargs.keys():
            raise ArgumentError(f"{type(self).__name__} got {name} by place and by name; pass it once")
        return args[:1], {**named, **kwargs}

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except UNCLEAR as error:
            clear = explained(self, args, kwargs, error)
            if clear is None:
                where = hooked(self, error)
                if where and where not in getattr(error, "__notes__", ()):
                    error.add_note(where)
                raise
            raise clear from error

    # caches ----------------------------------------------------------------------------------------------------------

    def start_cache(self, past_key_values: Any, use_cache: bool | None) -> Any:
        """The cache of this call: the caller's, a new one, or None. Recomputing layers in training excludes a cache."""
        if rows_are_packed():
            return None
        # Looking through all modules comes last: this runs for every token.
        recomputing = self.training and torch.is_grad_enabled() and self.is_gradient_checkpointing
        if recomputing and (past_key_values is not None or use_cache):
            if isinstance(past_key_values, Cache) and past_key_values.get_seq_length():
                raise ArgumentError("gradient checkpointing recomputes layers and cannot continue a cache; pass all tokens")
            warn_once("recomputed", "gradient checkpointing recomputes layers and fills no cache: use_cache=True has no effect")
            return None
        if isinstance(past_key_values, tuple | list):
            raise InputError("past_key_values is a tuple of tensors; make a cache of it: DynamicCache.from_legacy_cache(...)")
        if past_key_values is not None and (isinstance(past_key_values, dict) or not hasattr(past_key_values, "update")):
            raise InputError(f"past_key_values is {inputs.shown(past_key_values)}; expected a cache, such as DynamicCache()")
        if past_key_values is not None:
            if isinstance(past_key_values, Cache) and past_key_values.needs_rotary:
                past_key_values.rotary = self.rotary()
            return past_key_values
        inputs.check_flag(use_cache, "use_cache")
        new = self.config.use_cache if use_cache is None else use_cache
        return DynamicCache() if new and not recomputing else None

    def rotary(self) -> tuple[Rotary | None, ...]:
        """What rotates the keys of each layer, None where these do not turn; nothing where positions are not rotary."""
        backbone = self.base_model
        if backbone is not self and isinstance(backbone, CallMixin):
            return backbone.rotary()
        table = next((module for module in self.modules() if isinstance(module, Rotary)), None)
        return () if table is None else (table,) * len(self.config.get_text_config(decoder=True).layer_kinds())

    # recomputing -----------------------------------------------------------------------------------------------------

    def activation_checkpointing_enable(
        self,
        activation_checkpointing_kwargs: dict[str, Any] | None = None,
        every_n_layers: int = 1,
        offload: bool = False,
    ) -> None:
        """Recompute layers in the backward pass instead of keeping their activations; gradients are the same.

        Args:
            activation_checkpointing_kwargs: keywords of torch's `checkpoint`.
            every_n_layers: recompute the first of every so many layers, counted through the whole model, and keep the
                activations of the others, which takes more memory and less time.
            offload: what is kept for recomputing waits in the memory of the host, pinned where there is a GPU.

        Raises:
            ArgumentError: `every_n_layers` is no number from 1 on.
        """
        if not fits(every_n_layers, Size):
            raise ArgumentError(f"every_n_layers is {every_n_layers!r:.60}; expected {describe(Size)}")
        self._recompute({"use_reentrant": False, **(activation_checkpointing_kwargs or {})}, every_n_layers, bool(offload))

    def activation_checkpointing_disable(self) -> None:
        """Undo `activation_checkpointing_enable`: activations are kept for the backward pass."""
        self._recompute(None)

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None, every_n_layers: int = 1, offload: bool = False
    ) -> None:
        """The older name of `activation_checkpointing_enable`."""
        self.activation_checkpointing_enable(gradient_checkpointing_kwargs, every_n_layers, offload)

    def gradient_checkpointing_disable(self) -> None:
        """The older name of `activation_checkpointing_disable`."""
        self._recompute(None)

    def _recompute(self, options: dict[str, Any] | None, every: int = 1, offload: bool = False) -> None:
        for number, layer in enumerate(self._layers()):
            layer.recompute, layer.offloads = options if number % every == 0 else None, offload
        modules: Iterable[Any] = self.modules()
        for module in modules:
            if "gradient_checkpointing" in vars(module) or "_recomputes" in vars(module):  # of a user, who looks at these
                module.gradient_checkpointing = options is not None
                module._gradient_checkpointing_func = partial(checkpoint, **(options or {}))

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are recomputed in the backward pass; also `gradient_checkpointing`."""
        return self.__dict__.get("_recomputes", False) or any(layer.recompute is not None for layer in self._layers())

    is_activation_checkpointing = is_gradient_checkpointing

    @property
    def gradient_checkpointing(self) -> bool:
        """The same; a model of one's own that recomputes its layers by itself sets it to False, until that is asked for."""
        return self.is_gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        self.__dict__["_recomputes"] = value

    def _layers(self) -> list[Layer]:
        return [module for module in self.modules() if isinstance(module, Layer)]

    def enable_input_require_grads(self) -> None:
        """Make the output of all embeddings require gradients, so that adapters behind a frozen embedding get theirs."""

        def require(module: nn.Module, args: Any, output: Any) -> Any:
            return output.requires_grad_(True)

        self.disable_input_require_grads()
        embeddings: dict[nn.Module, None] = {}
        for model in self.modules():
            with suppress(ArgumentError, NotImplementedError):
                embeddings |= {model.get_input_embeddings(): None} if isinstance(model, ModelParts) else {}
        if not embeddings:
            warn_once(
                "no-embeddings", f"{type(self).__name__} says of no module that it embeds inputs: none requires gradients"
            )
        self._require_grads_hooks = [each.register_forward_hook(require) for each in embeddings]

    def disable_input_require_grads(self) -> None:
        """Undo `enable_input_require_grads`, where that was called."""
        for hook in self.__dict__.pop("_require_grads_hooks", ()):
            hook.remove()
