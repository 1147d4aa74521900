"""Command R's tokenizer: byte pairs over texts in Unicode's NFC, each digit for itself."""

from collections.abc import Sequence
from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from ...preprocess.text.converters import bpe
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class CohereTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `add_bos_token`, `add_eos_token`.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    padding_side = "left"
    without_files = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<UNK>",
        "bos_token": "<BOS_TOKEN>",
        "eos_token": "<|END_OF_TURN_TOKEN|>",
        "pad_token": "<PAD>",
        "cls_token": "<CLS>",
        "sep_token": "<SEP>",
        "mask_token": "<MASK_TOKEN>",
        "add_prefix_space": False,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        rust = bpe.byte_level(*bpe.read(vocab, merges))
        rust.normalizer = normalizers.NFC()
        letters = pre_tokenizers.ByteLevel(add_prefix_space=bool(settings["add_prefix_space"]))
        rust.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), letters])
        return rust

    def apply_tool_use_template(self, conversation: Any, tools: Sequence[Any], **options: Any) -> Any:
        """As `apply_chat_template`, by the template called "tool_use": the model plans which of the `tools` to call."""
        return self.apply_chat_template(conversation, chat_template="tool_use", tools=tools, **options)

    def apply_grounded_generation_template(
        self, conversation: Any, documents: Sequence[dict[str, str]], citation_mode: str = "accurate", **options: Any
    ) -> Any:
        """As `apply_chat_template`, by the template called "rag": the model answers from the `documents` and cites them.

        citation_mode: "accurate" (the answer first, then once more with citations) or "fast" (citations while answering).
        """
        return self.apply_chat_template(
            conversation, chat_template="rag", documents=documents, citation_mode=citation_mode, **options
        )


CohereTokenizerFast = CohereTokenizer
