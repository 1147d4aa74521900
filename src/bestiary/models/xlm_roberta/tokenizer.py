"""XLM-RoBERTa's tokenizer: sentencepiece unigrams of 100 languages."""

from ...preprocess.text.fairseq_tokenizer import FairseqTokenizer


class XLMRobertaTokenizer(FairseqTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class for its options."""


XLMRobertaTokenizerFast = XLMRobertaTokenizer
