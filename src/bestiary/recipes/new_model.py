"""Models from nothing: a config of a family, and a tokenizer trained on the texts at hand."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..core.argument_parser import HfArg
from ..core.errors import ArgumentError

_END, _PADDING, _MASK = "<|endoftext|>", "<|padding|>", "<|mask|>"


@dataclass
class NewModel:
    """A model with new weights.

    Raises:
        ArgumentError: a size or a config that is none.
    """

    model_type: str = HfArg(help="The family, as in config.json: llama, gpt2, bert, ...")
    config: dict[str, Any] | str | None = HfArg(default=None, help="Fields of its config, as JSON")
    tokenizer_name: str | None = HfArg(default=None, help="The tokenizer of a checkpoint; by default one is trained")
    vocab_size: int = HfArg(default=4096, help="Tokens of a tokenizer that is trained, with its 256 bytes and 3 signs")

    def __post_init__(self) -> None:
        if isinstance(self.config, str):
            try:
                self.config = json.loads(self.config)
            except ValueError as error:
                raise ArgumentError(f"config is {self.config!r:.60}, which is no JSON: {error}") from error
        if not isinstance(self.config, dict | None):
            raise ArgumentError(f"config is {self.config!r:.60}; expected a table of fields")
        if self.vocab_size < 300:
            raise ArgumentError(f"vocab_size is {self.vocab_size}; expected at least 300, 256 bytes among them")


def trained_tokenizer(texts: Iterable[str], vocab_size: int, longest: int) -> Any:
    """A byte-level BPE tokenizer (Sennrich et al. 2016) of so many tokens, which begins each text with a sign.

    Args:
        longest: tokens that the model takes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    from ..preprocess.text.tokenizer import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[_END, _PADDING, _MASK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(_END, tokenizer.token_to_id(_END))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_END} $A", pair=f"{_END} $A {_END} $B", special_tokens=ends
    )
    signs: dict[str, Any] = {
        "bos_token": _END,
        "eos_token": _END,
        "pad_token": _PADDING,
        "mask_token": _MASK,
        "unk_token": _END,
    }
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **signs)
