"""CLIP's tokenizer: byte-pair encoding over lower-cased words, whose last piece carries `</w>`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from ...core.errors import CorruptFile
from ...preprocess.text.converters import bpe
from ...preprocess.text.rust import state
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast

WORD_END = "</w>"
PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class CLIPTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`."""

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ("bos_token", "eos_token", "unk_token")
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<|endoftext|>",
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """BPE with word ends from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        table, pairs = bpe.read(vocab, merges)
        bos, eos, unk = (str(settings[role]) for role in ("bos_token", "eos_token", "unk_token"))
        for token in (bos, eos):
            if token not in table:
                raise CorruptFile(f"the vocabulary of {len(table)} tokens lacks {token!r}; it is no vocabulary of CLIP")
        options = {"continuing_subword_prefix": "", "end_of_word_suffix": WORD_END, "unk_token": unk}
        rust = Tokenizer(bpe.model(table, pairs, **options))
        rust.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        )
        split = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
        rust.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        rust.post_processor = processors.RobertaProcessing(
            (eos, table[eos]), (bos, table[bos]), trim_offsets=False, add_prefix_space=False
        )
        rust.decoder = _decoder()
        return rust

    @classmethod
    def adjust(cls, rust: Tokenizer, options: Mapping[str, Any]) -> None:
        """Published tokenizer.json files leave the word ends in decoded text; put the decoder that takes them out."""
        super().adjust(rust, options)
        if state(rust.decoder).get("type") == "ByteLevel":
            rust.decoder = _decoder()


def _decoder() -> Any:
    # The strip step of the Rust package fails on an empty text, so the last word end is taken off by replacing.
    last, others = decoders.Replace(Regex(f"{WORD_END}$"), ""), decoders.Replace(WORD_END, " ")
    return decoders.Sequence([decoders.ByteLevel(), last, others])


CLIPTokenizerFast = CLIPTokenizer
