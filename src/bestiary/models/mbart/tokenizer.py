"""mBART's tokenizers: sentencepiece unigrams, behind them tokens of 25 languages, or of 52."""

from typing import Any, ClassVar

from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.converters.sentencepiece import SPACE
from ...preprocess.text.translation_tokenizer import TranslationTokenizer

# fmt: off
LANGUAGES = (
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
    "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
    "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN",
)
FURTHER_LANGUAGES = (
    "af_ZA", "az_AZ", "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID", "ka_GE", "km_KH", "mk_MK",
    "ml_IN", "mn_MN", "mr_IN", "pl_PL", "ps_AF", "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN",
    "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA", "gl_ES", "sl_SI",
)
# fmt: on


class MBartTokenizer(TranslationTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class for its options."""

    languages, usual_language = LANGUAGES, "en_XX"
    last = (*LANGUAGES, "mask_token")
    without_files = (*TranslationTokenizer.first, SPACE, *last)


class MBart50Tokenizer(TranslationTokenizer):
    """The same for mBART-50 (Tang et al. 2020), with 52 languages, whose tokens stand before texts."""

    languages, usual_language = (*LANGUAGES, *FURTHER_LANGUAGES), "en_XX"
    first, last = ("cls_token", "pad_token", "eos_token", "unk_token"), (*languages, "mask_token")
    without_files = (*first, SPACE, *last)
    language_first, splits_at_whitespace = True, False
    defaults: ClassVar[dict[str, Any]] = {**TranslationTokenizer.defaults, "bos_token": None}

    @classmethod
    def is_numbered(cls, vocab: Any, model: sentencepiece.Model) -> bool:
        """Pieces in memory have them, if there are languages among them."""
        return super().is_numbered(vocab, model) and any(piece.text in cls.languages for piece in model.pieces)


MBartTokenizerFast, MBart50TokenizerFast = MBartTokenizer, MBart50Tokenizer
