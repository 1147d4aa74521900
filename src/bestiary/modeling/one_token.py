"""The steps of one token through a layer of GPT-2's relatives (`modeling/decoder_layers.py`, `nn/one_token.py`)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from ..kernels.steps import HEADS, RESULT, STATES, Known, Unfit
from ..nn.attention import LayerCache
from ..nn.masks import Mask
from ..nn.one_token import LayerSteps, steps_of
from .decoder_layers import PlainMLP

_MLP = Known(PlainMLP, "forward")


class BlockParts(NamedTuple):
    """What a family's layers are made of, as far as there are steps for it.

    layer, attention: the classes whose ways of computing have steps. output_name: the projection of what all heads give.
    heads: lists the steps from normed states at a place to queries, keys and values at `HEADS`.
    dropouts: the modules in the layer and in the attention that leave something out in training.
    """

    layer: Known
    attention: Known
    output_name: str
    heads: Callable[[LayerSteps, Any, int], None]
    dropouts: tuple[tuple[str, ...], tuple[str, ...]]

    def through(self, layer: Any, x: Tensor, mask: Mask, cache: LayerCache | None, positions: dict[str, Any]) -> Tensor | None:
        """States (1, 1, D) behind the layer; None where it is to be computed as it is written."""
        made = steps_of(layer, self.list_steps, x, mask, positions)
        if made is None:
            return None
        return made.take(x, mask, cache, positions.get("rotary"), layer._modules[layer.attention_name].attend)

    def list_steps(self, layer: Any, made: LayerSteps) -> None:
        """List the steps of a layer.

        Raises:
            Unfit: it computes in another way.
        """
        watch, closing = made.watch, made.closing
        watch.follow(layer, self.layer)
        attention, mlp = watch.module(layer, layer.attention_name), watch.module(layer, "mlp")
        watch.follow(attention, self.attention)
        watch.follow(mlp, _MLP)
        for holder, names in ((layer, self.dropouts[0]), (attention, self.dropouts[1]), (mlp, ("dropout",) * mlp.drops)):
            for name in names:
                watch.module(holder, name)  # of no effect while it is not trained
        first, second = layer.norm_names
        source = made.norm(made.opening, layer, first, STATES)
        self.heads(made, attention, source)
        size = layer._modules[first].weight.shape[0]
        mixed, half = closing.dense(attention, self.output_name, HEADS), closing.place(size)
        made.join(STATES, mixed, half, 1.0, size)
        if second == first:
            raise Unfit("one norm for both branches")
        source = made.norm(closing, layer, second, STATES if watch.value(layer, "parallel") else half)
        inner = closing.dense(mlp, mlp.names[0], source)
        inner = made.gated(watch.value(mlp, "act"), inner, None, mlp.inner_dim)
        made.join(half, closing.dense(mlp, mlp.names[1], inner), RESULT, 1.0, size)
        made.whole = True
