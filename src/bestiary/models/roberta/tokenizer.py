"""RoBERTa's tokenizer: GPT-2's byte pairs between `<s>` and `</s>`, and two of the latter between two texts."""

from ...preprocess.text.byte_pair_tokenizer import BytePairTokenizer


class RobertaTokenizer(BytePairTokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; see the base class for its options."""


RobertaTokenizerFast = RobertaTokenizer
