"""BigBird's tokenizer: sentencepiece unigrams between BERT's tokens."""

from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from ...preprocess.text.converters import sentencepiece
from ..albert.tokenizer import AlbertTokenizer


class BigBirdTokenizer(AlbertTokenizer):
    """Opens `spiece.model` and `tokenizer.json`.

    Options: `add_prefix_space` (False: no ▁ before the words).
    """

    without_files = ("pad_token", "eos_token", "bos_token", "unk_token", "sep_token", "cls_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "sep_token": "[SEP]",
        "pad_token": "<pad>",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
        "add_prefix_space": True,
    }

    @classmethod
    def prepare(cls, rust: Tokenizer, model: Any, settings: dict[str, Any]) -> None:
        rust.normalizer = normalizers.Replace(Regex(" {2,}"), sentencepiece.SPACE)
        scheme = "always" if settings["add_prefix_space"] else "never"  # spaces behind the last word are a piece, too
        rust.pre_tokenizer = pre_tokenizers.Metaspace(replacement=sentencepiece.SPACE, prepend_scheme=scheme)


BigBirdTokenizerFast = BigBirdTokenizer
