"""BART's tokenizer, which is RoBERTa's."""

from ...preprocess.text.byte_pair_tokenizer import BytePairTokenizer


class BartTokenizer(BytePairTokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; see the base class for its options."""


BartTokenizerFast = BartTokenizer
