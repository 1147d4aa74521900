"""Reformer's tokenizer: sentencepiece's BPE, with nothing put around a text."""

from typing import Any, ClassVar

from tokenizers import Tokenizer

from ...core.errors import CorruptFile
from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class ReformerTokenizer(PreTrainedTokenizerFast):
    """Opens `spiece.model` and `tokenizer.json`. Published files have no padding token; there is none until one is set."""

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ("input_ids", "attention_mask")
    without_files = ("eos_token", "unk_token")
    defaults: ClassVar[dict[str, Any]] = {"eos_token": "</s>", "unk_token": "<unk>"}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Merges of pieces from the file.

        Raises:
            CorruptFile: a unigram model.
        """
        cls.need(vocab)
        model = sentencepiece.read(vocab, merges, str(settings["unk_token"]))
        if model.model_type != sentencepiece.BPE:
            raise CorruptFile(f"{vocab} is a unigram model; {cls.__name__} uses a BPE model")
        return sentencepiece.of_spaced_words(model)


ReformerTokenizerFast = ReformerTokenizer
