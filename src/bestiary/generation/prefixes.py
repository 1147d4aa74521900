"""The part of a generation that a `PrefixStore` has to do with: what it can give at the start, what it takes up at the end."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ..cache.fingerprints import fingerprint
from ..cache.prefix_store import PrefixStore, Reuse
from ..core.errors import ArgumentError
from .decoding import Decoding
from .model import GeneratingModel
from .prompt import ENCODER_DECODER, Prompt


@dataclass
class Prefixes:
    """A store, the fingerprint of the model, what the store gave, and what finished rows are filled with."""

    store: PrefixStore
    model: str
    reuse: Reuse
    takes: bool
    pad: int

    def keep(self, run: Decoding) -> None:
        """Take up the rows as the model has seen them."""
        cache, length = run.cache, min(run.fed, run.length)
        if not self.takes or cache is None or cache.batch_size != run.ids.shape[0]:
            return
        if cache.get_seq_length() != length:
            if not cache.can_crop(length):
                return
            cache.crop(length)
            run.fed = length
        ids = run.ids[:, :length]
        filled = (ids != self.pad).flip(1).int().argmax(1)  # what a finished row ends in
        ends = (length - filled).clamp(min=run.prompt.ids.shape[1]).clamp(max=length).tolist()
        self.store.keep(self.model, cache, ids, run.prompt.leading_padding(), ends)


def look(model: GeneratingModel, store: Any, prompt: Prompt, whole_prompt: bool, pad: int) -> Prefixes:
    """Fill the cache of `prompt` with what `store` knows of its prompts.

    Args:
        whole_prompt: the strategy needs the states of the whole prompt.

    Raises:
        ArgumentError: `store` is no PrefixStore.
    """
    if not isinstance(store, PrefixStore):
        raise ArgumentError(f"prefix_store is a {type(store).__name__}; expected a PrefixStore")
    name, prompts = fingerprint(cast(nn.Module, model)), prompt.ids.shape[0] // prompt.copies
    reason = _outside(prompt, model)
    takes = not reason
    if whole_prompt:
        reason = reason or "the strategy needs the states of the whole prompt"
    if prompt.recorded:
        reason = reason or "hidden states or attentions of the whole prompt are asked for"
    if reason or prompt.cache is None:
        return Prefixes(store, name, Reuse([0] * prompts, reason), takes, pad)
    layers = model.config.get_text_config(decoder=True).num_hidden_layers
    reuse = store.fill(name, prompt.cache, layers, prompt.ids, prompt.leading_padding(), model.device)
    return Prefixes(store, name, Reuse(reuse.tokens[:: prompt.copies], reuse.reason), takes, pad)


def _outside(prompt: Prompt, model: GeneratingModel) -> str:
    """Why the states of this call do not follow from the token ids and the weights alone; an empty string when they do."""
    if model.training:
        return "the model is in training mode, where dropout may change the states: call model.eval()"
    if torch.is_autocast_enabled(model.device.type):
        return "autocast computes other states than the weights would without it"
    if prompt.names is ENCODER_DECODER:
        return "the states of a decoder also depend on what its encoder read"
    if prompt.cache is None:
        return "use_cache=False leaves nothing to fill"
    if prompt.continued:
        return "the call continues a cache of its own (past_key_values)"
    if prompt.embeds is not None:
        return "the prompt is given as embeddings"
    others = sorted({*prompt.constant, *prompt.first} - {"logits_to_keep"})
    if others:
        return f"the states also depend on {', '.join(others)}"
    if prompt.padded and prompt.mask is not None and bool((prompt.mask.int().diff(dim=1) < 0).any()):
        return "attention_mask hides tokens behind the start of a prompt"
    return ""
