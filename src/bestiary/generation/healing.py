"""Token healing: the last token of a prompt may have been meant to go on."""

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from .model import GeneratingModel
from .options import Option
from .processor import LogitsProcessor

OPTIONS = {"token_healing": Option(bool)}

# How much likelier than others the token that was there is taken to be, in logits.
_FAVOUR = 1.0


class _Extensions(LogitsProcessor):
    """Leaves each row only the tokens that begin with the text of `tails` (R,), which are favoured themselves."""

    def __init__(self, tails: Tensor, texts: list[Any]) -> None:
        self._tails = tails.unsqueeze(1)
        extensions = {
            tail: torch.tensor([i for i, text in enumerate(texts) if text is not None and text.startswith(texts[tail])])
            for tail in set(tails.tolist())
        }
        self._allowed = [extensions[tail].to(tails.device) for tail in tails.tolist()]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        allowed = torch.full_like(scores, -torch.inf)
        for row, tokens in enumerate(self._allowed):
            allowed[row, tokens[tokens < scores.shape[1]]] = 0.0
        return scores + allowed.scatter(1, self._tails, _FAVOUR)


def heal(model: GeneratingModel, ids: Tensor, mask: Tensor | None, tokenizer: Any) -> Tensor:
    """`ids` (R, T) with the last token of each row replaced by the likeliest one that begins with its text.

    Where a prompt ends amid what would be one token ("http:" before "//"), the model has hardly seen it end so.
    Special tokens stay. Prompts of a single token stay too: nothing says how they begin.

    Raises:
        ArgumentError: there is no tokenizer. InputError: the prompts are no decoder's, or end in padding.
    """
    if tokenizer is None:
        raise ArgumentError("token_healing needs the tokenizer: pass tokenizer=")
    if model.config.is_encoder_decoder or not isinstance(ids, Tensor) or ids.dim() != 2:
        raise InputError("token_healing is for the token ids (batch, length) of a decoder alone")
    if mask is not None and not bool(mask[:, -1].all()):
        raise InputError("token_healing looks at the last token of each prompt, and some end in padding: pad on the left")
    if ids.shape[1] < 2:
        return ids
    special = set(tokenizer.all_special_ids)
    every = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    texts = [None if index in special else text for index, text in enumerate(every)]
    tails = ids[:, -1]
    heals = torch.tensor([tail < len(texts) and texts[tail] is not None for tail in tails.tolist()], device=ids.device)
    if not bool(heals.any()):
        return ids
    mask = torch.ones_like(ids) if mask is None else mask
    rows = heals.nonzero().squeeze(1)
    healed: Tensor = model.generate(
        ids[rows, :-1],
        attention_mask=mask[rows, :-1],
        max_new_tokens=1,
        do_sample=False,
        num_beams=1,
        eos_token_id=[],
        token_healing=False,
        logits_processor=[_Extensions(tails[rows], texts)],
    )
    result = ids.clone()
    result[rows, -1] = healed[:, -1]
    return result
