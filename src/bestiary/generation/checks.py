"""Whether what a call of `generate` brings can be what it is said to be; everything is refused before the first step."""

from typing import Any

from torch import Tensor

from ..core.errors import ArgumentError, CapacityError, ConfigError, InputError
from ..core.logging import warn_once
from ..core.sizes import show_size
from ..nn import inputs
from ..placement.free_memory import total_memory
from .call import Call
from .config import GenerationConfig
from .model import GeneratingModel, vocabulary_size

_BANS = ("suppress_tokens", "begin_suppress_tokens")


def check_ids(model: GeneratingModel, ids: Any, may_be_empty: bool = False, name: str = "the prompt") -> Tensor:
    """The prompt `ids` as int64 (R, T), if that is what it is.

    Raises:
        InputError: another type, shape or dtype, no rows or tokens, or ids outside of the vocabulary.
    """
    inputs.check_ids(ids, name, may_be_empty)
    if ids.shape[0] == 0:
        raise InputError(f"{name} has shape {tuple(ids.shape)}; there must be at least one row")
    inputs.check_device(ids, model.device, name)
    inputs.check_vocabulary(ids, vocabulary_size(model), name)
    whole: Tensor = ids.long()
    return whole


def check_token_ids(settings: GenerationConfig, model: GeneratingModel, rows: int) -> None:
    """Refuse token ids in `settings` that the vocabulary does not have. An end token below 0 is none, as in published files.

    What is suppressed beyond the vocabulary leaves `settings`: these tokens are never written anyway (a Whisper of a small
    vocabulary has the defaults of the large one).

    Raises:
        ConfigError: names the setting.
    """
    vocab = vocabulary_size(model)
    if vocab is None:
        return
    for name in (*_BANS, "forced_bos_token_id", "forced_eos_token_id"):
        value = settings.get(name)
        ids = [] if value is None else [value] if isinstance(value, int) else value
        wrong = [token for token in ids if not 0 <= token < vocab]
        if wrong and min(wrong) >= 0 and name in _BANS:
            if settings.origin(name) != "checkpoint":
                warn_once("suppressed-beyond", f"{name} holds {wrong[0]}, and the vocabulary ends at {vocab - 1}: ignored")
            settings.__dict__[name] = [token for token in ids if token < vocab]
            continue
        if wrong or (name == "forced_eos_token_id" and value is not None and not ids):
            raise ConfigError(f"{name} is {value!r:.80}; expected token ids from 0 to {vocab - 1}")
    eos, pad = settings.eos_token_id, settings.pad_token_id
    ends = [] if eos is None else eos if isinstance(eos, list | tuple) else [eos]
    if any(token >= vocab for token in ends) and settings.origin("eos_token_id") in ("call", "config"):
        raise ConfigError(f"eos_token_id is {eos!r:.80}; the vocabulary ends at {vocab - 1}. For no end token: eos_token_id=[]")
    if pad is not None and pad >= vocab and rows > 1:
        raise ConfigError(
            f"pad_token_id is {pad}; rows that end early are filled with it, and the vocabulary ends at {vocab - 1}"
        )


def check_room(model: GeneratingModel, prompts: int, copies: int) -> None:
    """Raise `CapacityError` where the device could not even hold the scores of one step, fp32, for `copies` of each prompt."""
    needed, total = 4 * prompts * copies * (vocabulary_size(model) or 1), total_memory(model.device)
    if needed > total:
        raise CapacityError(
            f"{copies} rows for each of {prompts} prompts need {show_size(needed)} for the scores of a step; {model.device} has"
            f" {show_size(total)}: lower num_beams or num_return_sequences"
        )


def check_negative(call: Call, model: GeneratingModel, prompts: int) -> None:
    """Refuse a negative prompt that fits neither the model nor the prompts.

    Raises:
        InputError, ArgumentError: names what does not fit.
    """
    ids, mask = call.negative_prompt_ids, call.negative_prompt_attention_mask
    if ids is None:
        if mask is not None:
            raise ArgumentError("negative_prompt_attention_mask needs negative_prompt_ids")
        return
    ids = check_ids(model, ids, name="negative_prompt_ids")
    if ids.shape[0] != prompts:
        raise InputError(f"negative_prompt_ids have {ids.shape[0]} rows for {prompts} prompts; expected one for each")
    if mask is not None:
        inputs.check_slots(mask, ids.shape[1], prompts, "negative_prompt_attention_mask")
