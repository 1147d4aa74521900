"""ALBERT's tokenizer: sentencepiece unigrams of lower-cased text without accents."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers

from ...core.errors import CorruptFile
from ...preprocess.text.converters import sentencepiece, wordpiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class AlbertTokenizer(PreTrainedTokenizerFast):
    """Opens `spiece.model` and `tokenizer.json`.

    Options: `do_lower_case`; `keep_accents`; `add_prefix_space` (False: no ▁ before the words).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
    without_files: ClassVar[tuple[str, ...] | None] = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": True,
        "keep_accents": False,
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "unk_token": "<unk>",
        "sep_token": "[SEP]",
        "pad_token": "<pad>",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
        "add_prefix_space": True,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file.

        Raises:
            CorruptFile: a BPE model, or one that lacks the tokens around a text.
        """
        cls.need(vocab)
        model = sentencepiece.read(vocab)
        if model.model_type != sentencepiece.UNIGRAM:
            raise CorruptFile(f"{vocab} is a BPE model; {cls.__name__} uses a unigram model")
        rust = sentencepiece.of_words(model, bool(settings["add_prefix_space"]))
        cls.prepare(rust, model, settings)
        first, last = str(settings["cls_token"]), str(settings["sep_token"])
        rust.post_processor = wordpiece.frame(first, last, dict(sentencepiece.ends(rust, vocab, (first, last))))
        return rust

    @classmethod
    def prepare(cls, rust: Tokenizer, model: Any, settings: dict[str, Any]) -> None:
        """Set what `rust` does with a text before its pieces of the sentencepiece `model` are looked up."""
        steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
        if not settings["keep_accents"]:
            steps += [normalizers.NFKD(), normalizers.StripAccents()]
        if settings["do_lower_case"]:
            steps.append(normalizers.Lowercase())
        rust.normalizer = normalizers.Sequence([*steps, sentencepiece.charsmap(model)] if model.charsmap else steps)


AlbertTokenizerFast = AlbertTokenizer
