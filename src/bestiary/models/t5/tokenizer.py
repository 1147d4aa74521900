"""T5's tokenizer: a sentencepiece unigram model, with numbered sentinels that stand for masked spans."""

from typing import Annotated, Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import CorruptFile
from ...core.kinds import Range, check
from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.special_tokens import with_extra
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class T5Tokenizer(PreTrainedTokenizerFast):
    """Opens `spiece.model` and `tokenizer.json`.

    Options: `extra_ids`, the number of sentinels `<extra_id_0>`, ...: the last ids, counted backwards; `add_prefix_space`.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ("pad_token", "eos_token", "unk_token", "▁")
    defaults: ClassVar[dict[str, Any]] = {
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "extra_ids": 100,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file, then the sentinels."""
        cls.need(vocab)
        model = sentencepiece.read(vocab)
        if model.model_type != sentencepiece.UNIGRAM:
            raise CorruptFile(f"{vocab} is a BPE model; T5 uses a unigram model")
        check(cls.__name__, "extra_ids", settings["extra_ids"], Annotated[int, Range(0, 100_000)])
        sentinels = [f"<extra_id_{number}>" for number in range(settings["extra_ids"])]
        if not isinstance(vocab, list | tuple):  # behind pieces in memory they come as any added token
            model.pieces += [sentencepiece.Piece(token, 0.0, sentencepiece.CONTROL) for token in reversed(sentinels)]
        settings.update(with_extra(settings, behind=sentinels))
        rust = sentencepiece.of_words(model, prefixed=settings.get("add_prefix_space") is not False)
        eos = str(settings["eos_token"])
        ends = sentencepiece.ends(rust, vocab, [eos])
        rust.post_processor = processors.TemplateProcessing(
            single=["$A:0", f"{eos}:0"], pair=["$A:0", f"{eos}:0", "$B:0", f"{eos}:0"], special_tokens=ends
        )
        sentencepiece.add_marked(rust, model)
        return rust

    def get_sentinel_tokens(self) -> list[str]:
        """The sentinels, `<extra_id_0>` first."""
        sentinels = [token for token in self.extra_special_tokens if token.startswith("<extra_id_")]
        return sorted(sentinels, key=lambda token: int("".join(filter(str.isdigit, token)) or 0))

    def get_sentinel_token_ids(self) -> list[int]:
        """The ids of the sentinels, that of `<extra_id_0>` first."""
        return [self.convert_tokens_to_ids(token) for token in self.get_sentinel_tokens()]


T5TokenizerFast = T5Tokenizer
