"""BERT's tokenizer: WordPiece over cleaned, and mostly lower-cased, words."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers

from ...preprocess.text.converters import wordpiece
from ...preprocess.text.rust import state
from ...preprocess.text.special_tokens import ROLES
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class BertTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.txt` and `tokenizer.json`.

    Options: `do_lower_case`; `strip_accents` (None: as `do_lower_case`); `tokenize_chinese_chars`; `do_basic_tokenize`
    (False: split at spaces only).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.txt",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names: Sequence[str] = ("input_ids", "token_type_ids", "attention_mask")
    without_files: ClassVar[tuple[str, ...]] = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """WordPiece from a `vocab.txt` or a mapping of token to id."""
        cls.need(vocab)
        # A file without them is another's; what a caller made may be short.
        roles = [str(settings[role]) for role in ROLES if settings.get(role)] if isinstance(vocab, Mapping) else []
        return wordpiece.bert(
            wordpiece.read(vocab),
            unk_token=str(settings["unk_token"]),
            cls_token=str(settings["cls_token"]),
            sep_token=str(settings["sep_token"]),
            do_lower_case=settings["do_lower_case"],
            strip_accents=settings["strip_accents"],
            tokenize_chinese_chars=settings["tokenize_chinese_chars"],
            split_words=settings.get("do_basic_tokenize", True),
            added=roles,
        )

    @classmethod
    def adjust(cls, rust: Tokenizer, options: Mapping[str, Any]) -> None:
        """Apply options given for a tokenizer that came whole."""
        super().adjust(rust, options)
        names = {
            "do_lower_case": "lowercase",
            "strip_accents": "strip_accents",
            "tokenize_chinese_chars": "handle_chinese_chars",
        }
        normalizer = state(rust.normalizer)
        changes = {names[name]: value for name, value in options.items() if name in names}
        if changes and normalizer.get("type") == "BertNormalizer":
            rust.normalizer = normalizers.BertNormalizer(**{**{k: v for k, v in normalizer.items() if k != "type"}, **changes})


BertTokenizerFast = BertTokenizer
