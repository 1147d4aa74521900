"""mBART's tokenizer: sentencepiece unigrams, behind them tokens of 25 languages."""

from ...preprocess.text.translation_tokenizer import TranslationTokenizer

# fmt: off
LANGUAGES = (
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
    "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
    "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN",
)
# fmt: on


class MBartTokenizer(TranslationTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`; see the base class for its options."""

    languages, usual_language = LANGUAGES, "en_XX"
    last = (*LANGUAGES, "mask_token")


MBartTokenizerFast = MBartTokenizer
