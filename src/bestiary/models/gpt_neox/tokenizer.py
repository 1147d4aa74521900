"""GPT-NeoX's tokenizer: GPT-2's, over texts in Unicode's NFC."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers

from ..gpt2.tokenizer import GPT2Tokenizer


class GPTNeoXTokenizer(GPT2Tokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `add_bos_token`, `add_eos_token`.
    """

    defaults: ClassVar[dict[str, Any]] = {**GPT2Tokenizer.defaults, "pad_token": "<|padding|>"}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        rust = super().convert(vocab, merges, settings)
        rust.normalizer = normalizers.NFC()
        return rust


GPTNeoXTokenizerFast = GPTNeoXTokenizer
