"""DistilBERT's tokenizer: BERT's, without the types of tokens."""

from ..bert.tokenizer import BertTokenizer


class DistilBertTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options."""

    model_input_names = ("input_ids", "attention_mask")


DistilBertTokenizerFast = DistilBertTokenizer
