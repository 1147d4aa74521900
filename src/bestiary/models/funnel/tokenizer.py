"""Funnel's tokenizer: BERT's WordPiece between tokens of other names, the first of a segment of its own."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ..bert.tokenizer import BertTokenizer


class FunnelTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options. The first token is of the segment 2."""

    cls_token_type_id: ClassVar[int] = 2
    model_input_names = ("input_ids", "attention_mask")
    without_files = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "clean_text": True,
        "wordpieces_prefix": "##",
        "unk_token": "<unk>",
        "sep_token": "<sep>",
        "pad_token": "<pad>",
        "cls_token": "<cls>",
        "mask_token": "<mask>",
        "bos_token": "<s>",
        "eos_token": "</s>",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """WordPiece from a `vocab.txt` or a mapping of token to id."""
        rust = super().convert(vocab, merges, settings)
        numbers = rust.get_vocab()  # in which these two are, or there would be no tokenizer
        first, sep = str(settings["cls_token"]), str(settings["sep_token"])
        single = [f"{first}:{cls.cls_token_type_id}", "$A:0", f"{sep}:0"]
        rust.post_processor = processors.TemplateProcessing(
            single=single,
            pair=[*single, "$B:1", f"{sep}:1"],
            special_tokens=[(token, numbers[token]) for token in (first, sep)],
        )
        return rust


FunnelTokenizerFast = FunnelTokenizer
