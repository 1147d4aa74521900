"""What attention modules of all families have in common: heads, sizes, keys and values that a cache keeps."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from .alias import Alias
from .attend import Attend as Attend
from .block import Block


class LayerCache(Protocol):
    """What attention needs of a cache."""

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int) -> tuple[Tensor, Tensor]:
        """Append (B, G, T, K) keys and values of a layer; returns all it holds, (B, G, S, K)."""
        ...


class KeysOfKinds:
    """Keys and values (B, G, S, K) that layers without their own look at, by the kind of the layers, during one pass."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[Tensor, Tensor]] = {}

    def __getitem__(self, kind: str) -> tuple[Tensor, Tensor]:
        return self._states[kind]

    def __setitem__(self, kind: str, states: tuple[Tensor, Tensor]) -> None:
        self._states[kind] = states


def cached(
    project: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor, memory: Tensor | None, cache: Any, layer_idx: int
) -> tuple[Tensor, Tensor]:
    """Keys and values (B, G, S, K) that attention of `x` (B, T, D) looks at.

    They are those of `x`, behind what the cache holds, or, in cross-attention, those of an encoder's states `memory`
    (B, S, D), which a cache keeps from the first call on. `project` makes them.
    """
    if memory is not None:
        make = partial(project, memory)
        return make() if cache is None else cache.cross(layer_idx, make)
    keys, values = project(x)
    return (keys, values) if cache is None else cache.update(keys, values, layer_idx)


def split_heads(x: Tensor, head_size: int) -> Tensor:
    """(B, T, H*K) -> (B, H, T, K)."""
    if x.shape[1] == 1:  # a decoded token, for which every operation counts
        return x.view(x.shape[0], -1, 1, head_size)
    return x.view(x.shape[0], x.shape[1], -1, head_size).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, K) -> (B, T, H*K)."""
    return x.reshape(x.shape[0], 1, -1) if x.shape[2] == 1 else x.transpose(1, 2).flatten(2)


class ScoringAlias(Alias):
    """A field of the `Scoring` at `attend`, as an attribute of the attention around it; what is assigned is computed with."""

    def __init__(self, name: str) -> None:
        super().__init__(f"attend.scoring.{name}")
        self._name = name

    def __set__(self, module: Any, value: float) -> None:
        module.attend.scoring = module.attend.scoring._replace(**{self._name: value})


class RateAlias:
    """The rate of an attention's dropout, as an attribute; where the module that does it has this name, that module."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        part = module._modules.get(self._name)
        return module.attend.rate if part is None else part

    def __set__(self, module: Any, value: float) -> None:
        module.attend.rate = value


class HasHeads(Block):
    """Base of attention modules: their sizes, under the names that scripts read, whatever the family.

    The sizes are those of the weights, so that pruned heads do not count. Class attribute `query_name`: the projection of the
    queries. `head_dim`: the width of a head. `scaling`: what scores are multiplied by. `dropout`: its rate, on probabilities.

    Class attribute `dropout_name`: the published name of the nn.Dropout that says this rate, "" where there is none;
    `calls_dropout`: whether published code calls it, so that its own mode counts, and not that of the attention.
    """

    query_name: ClassVar[str] = "q_proj"
    order = "hidden_states attention_mask past_key_values"
    gives = "attentions"
    dropout_name: ClassVar[str] = ""
    calls_dropout: ClassVar[bool] = False
    head_dim: int
    attend: Attend

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of all heads together, and of the states that come in."""
        query = self._modules[self.query_name]
        if not isinstance(query, nn.Linear):
            raise TypeError(f"{self.query_name} of this {type(self).__name__} is a {type(query).__name__}; expected nn.Linear")
        return query.out_features, query.in_features

    @property
    def num_heads(self) -> int:
        """How many heads the module has; also `num_attention_heads` and `n_heads`."""
        return self.sizes[0] // self.head_dim

    num_attention_heads = n_heads = num_heads

    @property
    def all_head_size(self) -> int:
        """Width of all heads together; also `inner_dim`."""
        return self.sizes[0]

    inner_dim = all_head_size

    @property
    def embed_dim(self) -> int:
        """Width of the states; also `d_model` and `hidden_size`."""
        return self.sizes[1]

    d_model = hidden_size = embed_dim

    attention_head_size = key_value_proj_dim = Alias("head_dim")
    scaling = scale = ScoringAlias("scaling")
    dropout, attention_dropout = RateAlias(), RateAlias()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "attend" and self.dropout_name:
            setattr(self, self.dropout_name, nn.Dropout(value.scoring.dropout))
        elif name == self.dropout_name and "attend" in self._modules:
            self.attend.__dict__.update(dropper=self._modules[name], calls_dropper=self.calls_dropout)
