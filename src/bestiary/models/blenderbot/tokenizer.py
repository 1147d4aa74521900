"""Blenderbot's tokenizer: GPT-2's byte pairs, with `</s>` behind a text."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...preprocess.text.byte_pair_tokenizer import BytePairTokenizer
from ...preprocess.text.special_tokens import with_space_before


class BlenderbotTokenizer(BytePairTokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; see the base class for its options."""

    without_files = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {**BytePairTokenizer.defaults, "add_prefix_space": True}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        rust = super().convert(vocab, merges, settings)
        end = str(settings["eos_token"])
        rust.post_processor = processors.TemplateProcessing(
            single=["$A", end], pair=["$A", "$B:0", end], special_tokens=[(end, rust.token_to_id(end))]
        )
        return rust

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        mask = settings.get("mask_token")
        super()._set_specials({**settings, "mask_token": mask and with_space_before(mask)})


BlenderbotTokenizerFast = BlenderbotTokenizer
