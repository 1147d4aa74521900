"""ESM's tokenizer: every token of the vocabulary, an amino acid mostly, wherever it stands in the text."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from ...preprocess.text.converters import wordpiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class EsmTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.txt` and `tokenizer.json`. What stands between tokens of the vocabulary is unknown."""

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.txt",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<unk>",
        "cls_token": "<cls>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "eos_token": "<eos>",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Whole tokens from a `vocab.txt` or a mapping of token to id; special ones that it lacks follow, as published.

        One for models that fold may hold the amino acids alone.
        """
        cls.need(vocab)
        numbers = dict(wordpiece.read(vocab))
        for role in ("eos_token", "unk_token", "pad_token", "cls_token", "mask_token"):
            if settings.get(role):
                numbers.setdefault(str(settings[role]), len(numbers))
        rust = Tokenizer(models.WordLevel(numbers, unk_token=str(settings["unk_token"])))
        longest_first = sorted(filter(None, numbers), key=len, reverse=True)
        tokens = Regex("|".join(map(re.escape, longest_first)))
        rust.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(tokens, "isolated"), pre_tokenizers.WhitespaceSplit()]
        )
        first, last = str(settings["cls_token"]), settings["eos_token"] and str(settings["eos_token"])
        ends = [token for token in (first, last) if token]
        single = [token if token == "$A" else f"{token}:0" for token in (first, "$A", *([last] if last else ()))]
        rust.post_processor = processors.TemplateProcessing(
            single=single,
            pair=[*single, "$B", *([f"{last}:0"] if last else ())],
            special_tokens=[(token, numbers[token]) for token in ends],
        )
        return rust
