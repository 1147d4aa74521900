"""DeBERTa v2's tokenizer: sentencepiece unigrams of text that may be split at punctuation."""

from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from ...core.errors import CorruptFile
from ...preprocess.text.converters import sentencepiece, wordpiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast

# As published; the later of two that are the same token counts.
_WITHOUT_FILES = ("pad_token", "unk_token", "bos_token", "eos_token", "sep_token", "cls_token", "mask_token")


class DebertaV2Tokenizer(PreTrainedTokenizerFast):
    """Opens `spm.model` and `tokenizer.json`.

    Options: `do_lower_case`; `split_by_punct` (punctuation stands alone); `add_prefix_space` (False: ▁ before the first word
    of a text only).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spm.model",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ()
    model_input_names = ("input_ids", "attention_mask", "token_type_ids")
    defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": False,
        "split_by_punct": False,
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
        "add_prefix_space": True,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file.

        Raises:
            CorruptFile: a BPE model.
        """
        cls.need(vocab)
        vocab = vocab or [(str(settings[role]), 0.0) for role in _WITHOUT_FILES]
        model = sentencepiece.read(vocab, unknown=str(settings["unk_token"]))
        if model.model_type != sentencepiece.UNIGRAM:
            raise CorruptFile(f"{vocab} is a BPE model; {cls.__name__} uses a unigram model")
        pieces, unknown = [(piece.text, piece.score) for piece in model.pieces], (str(settings["unk_token"]), 0.0)
        # Where no piece is the unknown token, the file says which stands for what it lacks.
        other = 1 if isinstance(vocab, list) else model.unk_id
        rust = Tokenizer(models.Unigram(pieces, unk_id=pieces.index(unknown) if unknown in pieces else other))
        steps: list[Any] = [normalizers.Lowercase()] if settings["do_lower_case"] else []
        steps += [normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "), normalizers.NFC()]
        rust.normalizer = normalizers.Sequence([*steps, normalizers.Strip(left=False, right=True)])
        scheme = "always" if settings["add_prefix_space"] else "first"
        space: dict[str, Any] = {"replacement": sentencepiece.SPACE, "prepend_scheme": scheme}
        split = [pre_tokenizers.Punctuation(behavior="isolated")] if settings["split_by_punct"] else []
        rust.pre_tokenizer = pre_tokenizers.Sequence([*split, pre_tokenizers.Metaspace(**space)])
        rust.decoder = decoders.Metaspace(**space)
        first, last = str(settings["cls_token"]), str(settings["sep_token"])
        rust.add_special_tokens([each for each in (first, last) if rust.token_to_id(each) is None])
        rust.post_processor = wordpiece.frame(first, last, dict(sentencepiece.ends(rust, vocab, (first, last))))
        return rust


DebertaV2TokenizerFast = DebertaV2Tokenizer
