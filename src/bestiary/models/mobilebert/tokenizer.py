"""MobileBERT's tokenizer, which is BERT's."""

from ..bert.tokenizer import BertTokenizer


class MobileBertTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options."""


MobileBertTokenizerFast = MobileBertTokenizer
