"""BLOOM's tokenizer, which is published as `tokenizer.json` alone."""

from typing import Any, ClassVar

from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class BloomTokenizer(PreTrainedTokenizerFast):
    """Opens `tokenizer.json`. Padding comes first."""

    padding_side = "left"
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
    }


BloomTokenizerFast = BloomTokenizer
