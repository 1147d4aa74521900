"""Where the repeated layers of a model are. Needs no torch, so that a family may say it in data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stack:
    """Where a model's repeated layers are.

    Attributes:
        layers: path of the list of layers; the hidden states are their inputs, in order, and one final state.
        final: path of the module whose output is the final state; None for the last layer's own output.
        outputs: the states are the first layer's input and all layers' outputs, where something happens between layers.
        entry: with `outputs`, False where the last layer's own output takes the place of the first one's input.
        once: whether only the first pass through the layers counts, where a forward makes several.
        complete: False where the last layer's output is no hidden state: only inputs are.
        states: where layers run more than once or do not show every state, paths of modules whose outputs are the states, or
            of lists of such modules.
        streams: whether attention may run twice in a layer, for two streams of states; its weights are then told in pairs.
        inner: where layers stand in groups, the path of the list of layers in each group.
        told: where published models tell the output of a part of each layer as its attentions: its path.
        shows_states: False where the states are not told, only attentions.
        unseen: names of modules in a layer whose attention is not told.
    """

    layers: str
    final: str | None = None
    outputs: bool = False
    entry: bool = True
    inner: str | None = None
    told: str | None = None
    shows_states: bool = True
    unseen: tuple[str, ...] = ()
    complete: bool = True
    once: bool = False
    states: tuple[str, ...] = ()
    streams: bool = False
