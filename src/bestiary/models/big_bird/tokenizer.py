"""BigBird's tokenizer: sentencepiece unigrams between BERT's tokens."""

from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from ...core.errors import CorruptFile
from ...preprocess.text.converters import sentencepiece, wordpiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class BigBirdTokenizer(PreTrainedTokenizerFast):
    """Opens `spiece.model` and `tokenizer.json`.

    Options: `add_prefix_space` (False: no ▁ before the words).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
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
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file.

        Raises:
            CorruptFile: a BPE model, or one that lacks the tokens around a text.
        """
        cls.need(vocab)
        model = sentencepiece.read(vocab)
        if model.model_type != sentencepiece.UNIGRAM:
            raise CorruptFile(f"{vocab} is a BPE model; {cls.__name__} uses a unigram model")
        prefixed = bool(settings["add_prefix_space"])
        rust = sentencepiece.of_words(model, prefixed)
        rust.normalizer = normalizers.Replace(Regex(" {2,}"), sentencepiece.SPACE)
        scheme = "always" if prefixed else "never"  # spaces behind the last word are a piece, too
        rust.pre_tokenizer = pre_tokenizers.Metaspace(replacement=sentencepiece.SPACE, prepend_scheme=scheme)
        first, last = str(settings["cls_token"]), str(settings["sep_token"])
        rust.post_processor = wordpiece.frame(first, last, dict(sentencepiece.ends(rust, vocab, (last, first))))
        return rust


BigBirdTokenizerFast = BigBirdTokenizer
