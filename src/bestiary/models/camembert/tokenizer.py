"""CamemBERT's tokenizer: sentencepiece unigrams of French behind numbers that fairseq left unused."""

from collections.abc import Mapping
from typing import Any

from ...preprocess.text.fairseq_tokenizer import FairseqTokenizer
from ...preprocess.text.special_tokens import EXTRA

UNUSED = ("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")


class CamembertTokenizer(FairseqTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class for its options."""

    first = (UNUSED[0], "pad_token", UNUSED[1], "unk_token", UNUSED[2])
    replaced = 1

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        super()._set_specials({**settings, EXTRA: settings.get(EXTRA) or list(UNUSED)})


CamembertTokenizerFast = CamembertTokenizer
