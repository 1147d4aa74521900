"""LED's tokenizer, which is RoBERTa's."""

from ...preprocess.text.byte_pair_tokenizer import BytePairTokenizer


class LEDTokenizer(BytePairTokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; see the base class for its options."""


LEDTokenizerFast = LEDTokenizer
