"""How a block is called: in the order of this house, or under the published names, as the code of others does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..core.outputs import ModelOutput
from ..core.signatures import is_of_the_library
from .alibi import with_slopes
from .attend import Attend
from .masks import Mask, make_mask
from .registered import as_kernel
from .rope import angles_of

# Name of a parameter here -> the published one, where a class does not say another (`Block.names`).
NAMES = {
    "x": "hidden_states",
    "mask": "attention_mask",
    "cache": "past_key_values",
    "rotary": "position_embeddings",
    "bias": "position_bias",
    "memory": "encoder_hidden_states",
    "memory_mask": "encoder_attention_mask",
}
_OF_CACHES = ("past_key_values", "past_key_value", "layer_past", "cache_params")
# Published keywords that say nothing which the others do not.
_SAID_ALREADY = """
position_ids use_cache cache_position output_attentions output_hidden_states output_router_logits return_dict
encoder_decoder_position_bias num_items_in_batch cu_seq_lens_q cu_seq_lens_k max_length_q max_length_k is_causal
"""
_PUBLISHED = {*NAMES.values(), *_OF_CACHES, *_SAID_ALREADY.split()}


@dataclass(frozen=True)
class _Shown:
    """What a call in this house's order was shown as: to which module, and for which array each mask stands."""

    module: nn.Module
    masks: Mapping[str, tuple[Tensor | None, Mask]]


_SHOWN: ContextVar[_Shown | None] = ContextVar("shown", default=None)


def _either_way(forward: Callable[..., Any], published: Signature) -> Callable[..., Any]:
    """`forward` that may also be called under the published names, and then answers in the published form."""

    @wraps(forward)
    def run(self: "Block", *args: Any, **kwargs: Any) -> Any:
        # The first question answers most calls without one more frame of Python.
        if (len(args) > 1 and isinstance(args[1], Mask)) or self.is_ours(args, kwargs):
            return forward(self, *args, **kwargs)
        return self.run_published(forward, args, kwargs)

    run.__dict__.update(__signature__=published, takes_both=True)
    return run


class Block(nn.Module):
    """Base of what is called with states and a mask: repeated blocks, the attention inside of one, and what lies between.

    Every one is called in one order, and takes of the keywords those that it uses:

        block(x, mask, cache, *, rotary=None, bias=None, memory=None, memory_mask=None)

    x: the hidden states (B, T, D); a block gives the next ones, alone or first in a tuple. mask: the keys that the T queries
    may look at (`nn.masks.Mask`), None for all. cache: what keeps keys and values, or None. rotary: cosines and sines of the
    positions (B or 1, T, K). bias: numbers added to the scores (B or 1, H, T, S). memory: an encoder's states (B, M, D) and
    memory_mask: which of them may be looked at.

    The code of others calls it by the published names (`hidden_states`, `attention_mask`, ...) and gets the published form
    back. It sees that form, too, where it looks in: hooks, and a `forward` that others wrote.

    Class attributes:
        order: the published parameters, in their order, as words. names: where these differ from `NAMES`.
        gives: what the published form has behind the states, if anything; a word with a ? with `output_attentions` only.
        wraps: the published output that has the states as its first field, and the cache, or None.
        named_states: whether published models pass the states by name.
        is_causal: whether, without a mask, a query sees no later keys.
        turns: whether it is attention whose queries and keys turn with their positions, by `rotary`.
        interleaved: whether the pairs that turn are neighbours.
    """

    order: ClassVar[str] = "hidden_states attention_mask"
    names: ClassVar[Mapping[str, str]] = {}
    gives: ClassVar[str] = ""
    wraps: ClassVar[type[ModelOutput] | None] = None
    named_states: ClassVar[bool] = False
    is_causal: bool = False
    turns: bool = False
    interleaved: bool = False
    _ours: ClassVar[Callable[..., Any]] = nn.Module.forward
    _parameters_here: ClassVar[tuple[Parameter, ...]] = ()
    _order: ClassVar[tuple[str, ...]] = ()
    _fewest: ClassVar[int] = 2
    _gives_tuple: ClassVar[bool] = False
    _is_observed: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._order = tuple(cls.order.split())
        if "forward" not in vars(cls):
            return
        forward = vars(cls)["forward"]
        parameters = tuple(signature(forward).parameters.values())[1:]
        if [each.name for each in parameters[:2]] == ["x", "mask"]:
            cls._parameters_here = parameters
            cls._fewest = len([each for each in parameters if each.default is each.empty and each.kind in _BY_PLACE])
            cls._gives_tuple = str(signature(forward).return_annotation).startswith("tuple")
            cls.forward = cls._ours = _either_way(forward, _published(cls._order))
        elif is_of_the_library(forward):
            cls._parameters_here, cls._ours = (), forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind = type(self)
        looked_at = self._is_observed or "forward" in self.__dict__ or kind.forward is not kind._ours
        if looked_at and self._is_shown() and self.is_ours(args, kwargs):
            return self._show(args, kwargs)
        return super().__call__(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get("_modules", {}).get(name)
        super().__setattr__(name, value)
        if isinstance(before, Block) and isinstance(value, nn.Module):
            use_kernel(value, kernel_of(before))
            show_published(value, type(before), kernel_of(before))

    def register_forward_hook(self, *args: Any, **kwargs: Any) -> Any:
        """As in torch; the hook sees the published form of inputs and outputs."""
        self._is_observed = True
        return super().register_forward_hook(*args, **kwargs)

    def register_forward_pre_hook(self, *args: Any, **kwargs: Any) -> Any:
        """As in torch; the hook sees the published form of inputs."""
        self._is_observed = True
        return super().register_forward_pre_hook(*args, **kwargs)

    def is_ours(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether these are arguments in the order of this house."""
        if len(args) < 2:
            return False
        if args[1] is None:  # a block that looks back only has a mask here
            looks_back = self.is_causal and "memory" not in kwargs
            return not looks_back and len(args) >= self._fewest and _PUBLISHED.isdisjoint(kwargs)
        return isinstance(args[1], Mask)

    def further(self, name: str, mask: Mask, values: Mapping[str, Any]) -> Tensor | None:
        """What the published form has behind the states under `name`, a word of `gives`, besides attentions.

        values: what the block was called with, by the names of this house.
        """
        return None

    def run_published(self, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `forward` gives for arguments under the published names, in the published form."""
        values, names, cache = {**dict(zip(self._order, args, strict=False)), **kwargs}, {**NAMES, **self.names}, None
        if not isinstance(values.get(names["x"]), Tensor):
            raise ArgumentError(
                f"{type(self).__name__} was called without {names['x']}; pass them first or by name, and the rest as"
                f" {', '.join(self._order[1:])}"
            )
        plain, asked = values.get("return_dict") is False, values.get("output_attentions")
        positions = values.get("position_ids")
        for name in (*_OF_CACHES, *_SAID_ALREADY.split()):
            value = values.pop(name, None)
            cache = value if name in _OF_CACHES and value is not None else cache
        needed = {each.name for each in self._parameters_here if each.kind is each.KEYWORD_ONLY and each.default is each.empty}
        here = {name: values.pop(published) for name, published in names.items() if published in values}
        here = {name: value for name, value in here.items() if value is not None or name in needed}
        self._place(here, positions, values.pop("alibi", None))
        x, array, memory, taken = here.pop("x"), here.pop("mask", None), here.get("memory"), self.takes()
        shown_as = names["mask"]
        if memory is not None and "memory_mask" not in taken:
            shown_as = "encoder_attention_mask" if "memory_mask" in here else shown_as
            array = here.pop("memory_mask", array)
        elif memory is not None:
            here["memory_mask"] = self._described("encoder_attention_mask", here.get("memory_mask"), x, None, memory)
        mask = self._described(shown_as, array, x, cache, None if "memory_mask" in here else memory)
        if "cache" in taken or cache is not None:
            here["cache"] = cache
        others = {name: value for name, value in values.items() if value is not None or name in needed}
        with self._attentions() as weights:
            output = forward(self, x, mask, **here, **others)
        if self.wraps is not None:
            wrapped = cast(Any, self.wraps)(last_hidden_state=output, **({} if cache is None else {"past_key_values": cache}))
            return wrapped.to_tuple() if plain else wrapped
        if isinstance(output, tuple) or not self.gives:
            return output
        probabilities = next(iter(weights), None)
        names_behind = [name.removesuffix("?") for name in self.gives.split() if asked or not name.endswith("?")]
        behind = (probabilities if name == "attentions" else self.further(name, mask, here) for name in names_behind)
        return (output, *behind)

    def takes(self) -> set[str]:
        """The names of this house that it is called with."""
        return {each.name for each in self._parameters_here}

    def placed(self, position_ids: Tensor, x: Tensor) -> dict[str, Any]:
        """What it is called with here for positions (B or 1, T) of states (B, T, D), where the published form gives no more."""
        return {}

    def _place(self, here: dict[str, Any], position_ids: Tensor | None, alibi: Tensor | None) -> None:
        """Bring what a published call says of positions into the form of this house."""
        x, within = here["x"], [each for each in self.modules() if isinstance(each, Block)]
        if position_ids is not None:
            further = [each.placed(position_ids, x) for each in within]
            here |= {name: value for each in further for name, value in each.items() if name not in here}
        if alibi is not None:
            here["mask"] = with_slopes(here.get("mask"), alibi, x)
        turning = [each for each in within if any(taken.name == "rotary" for taken in each._parameters_here)]
        if "rotary" in here and turning:
            here["rotary"] = angles_of(here["rotary"], turning[0].interleaved)
        elif "rotary" in here and (len(within) > 1 or self._parameters_here[-1].kind is not Parameter.VAR_KEYWORD):
            del here["rotary"]  # a state is kept here, in place of keys that turn
        elif "rotary" not in here and _SHOWN.get() is None and any(each.turns for each in turning):
            raise ArgumentError(
                f"{type(self).__name__} was called without position_embeddings, and its queries and keys turn with their"
                " positions; pass the cosines and sines that rotary_emb of the model gives"
            )

    def _described(self, name: str, array: Any, x: Tensor, cache: Any, memory: Tensor | None) -> Mask:
        """The mask that `array`, under the published `name`, stands for; None leaves it to the kernel, as published."""
        if isinstance(array, Mask):
            return array
        call, queries = _SHOWN.get(), x.shape[1]
        shown = None if call is None else call.masks.get(name)
        if shown is not None and shown[0] is array and shown[1].queries == queries:
            return shown[1]
        if memory is not None:
            return make_mask(queries, x.device, array, causal=False, keys=memory.shape[1])
        causal = self.is_causal and (array is not None or kernel_of(self) != "eager")
        places = (module.__dict__["layer_idx"] for module in self.modules() if "layer_idx" in module.__dict__)
        return make_mask(queries, x.device, array, cache=cache, causal=causal, layer_idx=next(places, 0))

    @contextmanager
    def _attentions(self) -> Iterator[list[Tensor | None]]:
        """Keep the attention probabilities of the first attention inside while the body runs, where its kernel has them."""
        kept: list[Tensor | None] = []
        attend = next((module for module in self.modules() if isinstance(module, Attend)), None)
        if attend is None or not attend.has_weights or "attentions" not in self.gives:
            yield kept
            return

        def request(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
            return args, {**kwargs, "need_weights": True}

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            kept.append(output[1])

        def leave(module: nn.Module, args: Any, output: Any) -> Any:
            return output[0] if isinstance(output, tuple) else None  # a recorder has taken them already

        handles = [
            attend.register_forward_pre_hook(request, with_kwargs=True),
            attend.register_forward_hook(keep, prepend=True),
            attend.register_forward_hook(leave),
        ]
        try:
            yield kept
        finally:
            for handle in handles:
                handle.remove()

    def runs_code_of_others(self) -> bool:
        """Whether others wrote its `forward`, in its class or in itself."""
        forward, kind = self.__dict__.get("forward"), type(self)
        return kind.forward is not kind._ours if forward is None else "takes_both" not in forward.__dict__

    def _is_shown(self) -> bool:
        """Whether somebody looks at how this block is called: a hook, or a `forward` that others wrote."""
        looked_at = self._forward_hooks or self._forward_pre_hooks or self.runs_code_of_others()
        return bool(self._parameters_here and looked_at)

    def _show(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call in the order of this house under the published names, and take the states from what it gives."""
        args, kwargs, masks = shown_call(type(self), kernel_of(self), args, kwargs)
        token = _SHOWN.set(_Shown(self, masks))
        try:
            output = super().__call__(*args, **kwargs)
        finally:
            _SHOWN.reset(token)
        return states_of(output, type(self))


# Modules of others, and the kernel of the model each stands in: masks are shown as it takes them.
_KERNELS: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def _published(order: tuple[str, ...]) -> Signature:
    """What a `forward` shows: these parameters, which may be left out, and any others by name."""
    places = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in order[1:]]
    first = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", order[0])]
    return Signature([*first, *places, Parameter("kwargs", Parameter.VAR_KEYWORD)])


def kernel_of(module: nn.Module) -> str:
    """The kernel of the first attention inside of a module; where there is none, that of the model it stands in."""
    within = (each.implementation for each in module.modules() if isinstance(each, Attend))
    return next(within, None) or _KERNELS.get(module, "sdpa")


def set_kernel(module: nn.Module, name: str, holder: nn.Module) -> None:
    """Compute by the kernel, or the registered function, of this name if the module, which `holder` holds, is attention."""
    if isinstance(module, Attend):
        bias_apart = isinstance(holder, Block) and "position_bias" in holder._order
        module.implementation, module.replacement = name, as_kernel(name, holder, bias_apart)
    elif module in _KERNELS:
        _KERNELS[module] = name


def use_kernel(module: nn.Module, name: str) -> None:
    """Compute all attention inside of a module by the kernel, or the registered function, of this name."""
    for path, each in module.named_modules():
        set_kernel(each, name, module.get_submodule(path.rpartition(".")[0]))


def shown_call(
    kind: type[Block], kernel: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, tuple[Tensor | None, Mask]]]:
    """Arguments in the order of this house under the published names, and for which array each mask among them stands."""
    values = {**dict(zip((each.name for each in kind._parameters_here), args, strict=False)), **kwargs}
    shown: dict[str, Any] = dict.fromkeys(kind._order)
    masks = {}
    for name, value in values.items():
        published = kind.names.get(name) or NAMES.get(name, name)
        if isinstance(value, Mask):
            array = _array(value, values["x"], kernel)
            masks[published] = (array, value)
            value = array
        shown[published] = value
    if "use_cache" in shown:
        shown["use_cache"] = values.get("cache") is not None
    states = () if kind.named_states else (shown.pop(kind.names.get("x", NAMES["x"])),)
    return states, shown, masks


def _array(mask: Mask, x: Tensor, kernel: str) -> Tensor | None:
    """A mask as published models hand it on: (B, 1 or H, T, S), numbers or booleans, or None where the kernel needs none."""
    if kernel == "eager" or mask.additive is not None:
        array = mask.bias(x.dtype)
    else:
        array = None if mask.plainly_causal else mask.allowed()
    return None if array is None else array.expand(x.shape[0], -1, mask.queries, -1)


class _AnyBlock(Block):
    """What is known of a block that is not there any more."""

    def forward(self, x: Tensor, mask: Mask | None, cache: Any) -> Tensor:
        """The states, as they are."""
        return x


def states_of(output: Any, kind: type[Block]) -> Any:
    """What a call in the order of this house gives, of what one in the published form gave."""
    return output[0] if isinstance(output, tuple | ModelOutput) and not kind._gives_tuple else output


def show_published(module: nn.Module, kind: type[Block] | None, kernel: str) -> None:
    """Let a module of others, which stands where a block of `kind` was, be called as published models call it.

    kind: None for that of the first block inside of it. kernel: of the model. A module of this library is left alone, and so is
    one whose `forward` takes no argument of a published name.
    """
    if isinstance(module, Block) or module in _KERNELS:
        return
    _KERNELS[module] = kernel
    parameters = signature(type(module).forward).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    if is_of_the_library(type(module).forward) or not (takes_any or not _PUBLISHED.isdisjoint(parameters)):
        return
    kind = kind or next((type(each) for each in module.modules() if isinstance(each, Block)), _AnyBlock)

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) < 2 or not (args[1] is None or isinstance(args[1], Mask)):
            return None
        args, kwargs, masks = shown_call(kind, kernel_of(module), args, kwargs)
        _SHOWN.set(_Shown(module, masks))
        return args, kwargs

    def behind(module: nn.Module, args: Any, output: Any) -> Any:
        call = _SHOWN.get()
        if call is None or call.module is not module:
            return None
        _SHOWN.set(None)
        return states_of(output, kind)

    module.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
    module.register_forward_hook(behind, always_call=True)
