"""XGLM's tokenizer: sentencepiece unigrams under the numbers that fairseq gave them, `</s>` before each text."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.fairseq_tokenizer import FairseqTokenizer
from ...preprocess.text.special_tokens import with_extra

MADE_UP = tuple(f"<madeupword{number}>" for number in range(7))  # they round the vocabulary up to a multiple of 8


class XGLMTokenizer(FairseqTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class."""

    last = MADE_UP
    without_files = FairseqTokenizer.first
    defaults: ClassVar[dict[str, Any]] = {
        name: token for name, token in FairseqTokenizer.defaults.items() if name != "mask_token"
    }

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        super()._set_specials(with_extra(settings, behind=MADE_UP))

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces, those of a file renumbered.

        Raises:
            CorruptFile: a BPE model, or one that lacks the token before texts.
        """
        rust = sentencepiece.of_spaced_words(cls.numbered(vocab, merges, settings))
        bos, eos = str(settings["bos_token"]), str(settings["eos_token"])
        ends = sentencepiece.ends(rust, vocab, (bos, eos))
        rust.post_processor = processors.TemplateProcessing(
            single=[eos, "$A"], pair=[eos, "$A", eos, eos, "$B:0"], special_tokens=ends
        )
        return rust


XGLMTokenizerFast = XGLMTokenizer
