"""CamemBERT's tokenizer: sentencepiece unigrams of French behind numbers that fairseq left unused."""

from collections.abc import Mapping
from typing import Any

from ...preprocess.text.fairseq_tokenizer import FairseqTokenizer
from ...preprocess.text.special_tokens import EXTRA, with_space_before

UNUSED = ("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")


class CamembertTokenizer(FairseqTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class for its options."""

    first = (UNUSED[0], "pad_token", UNUSED[1], "unk_token", UNUSED[2])
    without_files = (*first, "mask_token")
    replaced = 1

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        mask = settings.get("mask_token")
        changed = {EXTRA: settings.get(EXTRA) or list(UNUSED), "mask_token": mask and with_space_before(mask)}
        super()._set_specials({**settings, **changed})


CamembertTokenizerFast = CamembertTokenizer
