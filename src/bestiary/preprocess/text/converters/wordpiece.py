"""`vocab.txt`: one token a line, its line number its id. WordPiece, as BERT uses it (Devlin et al., 2018)."""

from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from ....core.errors import CorruptFile
from ....core.kinds import check
from .text import is_path, lines


def read(vocab: Any) -> dict[str, int]:
    """Token -> id. Of a token that stands twice, the later line counts."""
    if not is_path(vocab):
        return dict(vocab)
    return {token: number for number, token in enumerate(lines(vocab))}


def bert(
    vocab: dict[str, int],
    *,
    unk_token: str = "[UNK]",
    cls_token: str = "[CLS]",
    sep_token: str = "[SEP]",
    do_lower_case: bool = True,
    strip_accents: bool | None = None,
    tokenize_chinese_chars: bool = True,
    split_words: bool = True,
    added: Sequence[str] = (),
) -> Tokenizer:
    """BERT's tokenizer: clean, lower, split at spaces and punctuation, then the longest known pieces from the left.

    Args:
        strip_accents: None follows `do_lower_case`. split_words: False splits at spaces only and cleans nothing. added: special
            tokens that join a vocabulary without them, in this order.

    Raises:
        CorruptFile: the vocabulary lacks the separator, class or unknown token.
    """
    for token in (unk_token, cls_token, sep_token):
        if token not in vocab and token not in added:
            raise CorruptFile(f"the vocabulary of {len(vocab)} tokens lacks {token!r}; it is no vocabulary of BERT")
    for name, flag in (("do_lower_case", do_lower_case), ("tokenize_chinese_chars", tokenize_chinese_chars)):
        check("BertTokenizer", name, flag, bool)
    check("BertTokenizer", "strip_accents", strip_accents, bool | None)
    rust = Tokenizer(models.WordPiece(vocab, unk_token=unk_token, max_input_chars_per_word=100))
    if split_words:
        rust.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=tokenize_chinese_chars, strip_accents=strip_accents, lowercase=do_lower_case
        )
        rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    rust.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    rust.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added if token not in vocab])
    rust.post_processor = frame(cls_token, sep_token, rust.get_vocab() if added else vocab)
    return rust


def frame(cls_token: str, sep_token: str, vocab: dict[str, int]) -> Any:
    """`[CLS] a [SEP]`, and for a pair `[CLS] a [SEP] b [SEP]` with type 1 from b on."""
    single = [f"{cls_token}:0", "$A:0", f"{sep_token}:0"]
    return processors.TemplateProcessing(
        single=single,
        pair=[*single, "$B:1", f"{sep_token}:1"],
        special_tokens=[(cls_token, vocab[cls_token]), (sep_token, vocab[sep_token])],
    )
