"""Longformer's tokenizer, which is RoBERTa's."""

from ..roberta.tokenizer import RobertaTokenizer


class LongformerTokenizer(RobertaTokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; see the base class for its options."""


LongformerTokenizerFast = LongformerTokenizer
