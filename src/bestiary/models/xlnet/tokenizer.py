"""XLNet's tokenizer: sentencepiece unigrams of text without accents, the special tokens behind it."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...preprocess.text.special_tokens import OLDER_EXTRA
from ..albert.tokenizer import AlbertTokenizer


class XLNetTokenizer(AlbertTokenizer):
    """Opens `spiece.model` and `tokenizer.json`; see `AlbertTokenizer` for its options.

    Pads on the left; the token that stands for the text is the last one, of a segment of its own, 2.
    """

    padding_side = "left"
    without_files = ("unk_token", "bos_token", "eos_token", "sep_token", "pad_token", "cls_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": False,
        "keep_accents": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "sep_token": "<sep>",
        "pad_token": "<pad>",
        "cls_token": "<cls>",
        "mask_token": "<mask>",
        OLDER_EXTRA: ["<eop>", "<eod>"],
        "add_prefix_space": True,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file.

        Raises:
            CorruptFile: a BPE model, or one that lacks the tokens behind a text.
        """
        rust = super().convert(vocab, merges, settings)
        sep, last = str(settings["sep_token"]), str(settings["cls_token"])
        rust.post_processor = processors.TemplateProcessing(
            single=f"$A:0 {sep}:0 {last}:2",
            pair=f"$A:0 {sep}:0 $B:1 {sep}:1 {last}:2",
            special_tokens=[(token, rust.token_to_id(token)) for token in (sep, last)],
        )
        return rust


XLNetTokenizerFast = XLNetTokenizer
