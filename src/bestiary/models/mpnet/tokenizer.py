"""MPNet's tokenizer: BERT's WordPiece between RoBERTa's tokens."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...preprocess.text.special_tokens import with_space_before
from ..bert.tokenizer import BertTokenizer


class MPNetTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options. Between two texts stand two `</s>`."""

    without_files = ("cls_token", "sep_token", "unk_token", "pad_token", "mask_token")
    model_input_names = ("input_ids", "attention_mask")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "[UNK]",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """WordPiece from a `vocab.txt` or a mapping of token to id."""
        rust = super().convert(vocab, merges, settings)
        numbers = rust.get_vocab()  # in which these two are, or there would be no tokenizer
        sep, first = ((token, numbers[token]) for token in (str(settings["sep_token"]), str(settings["cls_token"])))
        rust.post_processor = processors.RobertaProcessing(sep, first, trim_offsets=True, add_prefix_space=False)
        return rust

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        mask = settings.get("mask_token")
        super()._set_specials({**settings, "mask_token": mask and with_space_before(mask)})


MPNetTokenizerFast = MPNetTokenizer
