"""The languages Whisper was trained on: code -> English name, and other names for some of them."""

from ...core.errors import InputError, did_you_mean

_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi "
    "ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd "
    "gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
)
_NAMES = (
    "english chinese german spanish russian korean french japanese portuguese turkish polish catalan dutch arabic swedish "
    "italian indonesian hindi finnish vietnamese hebrew ukrainian greek malay czech romanian danish hungarian tamil norwegian "
    "thai urdu croatian bulgarian lithuanian latin maori malayalam welsh slovak telugu persian latvian bengali serbian "
    "azerbaijani slovenian kannada estonian macedonian breton basque icelandic armenian nepali mongolian bosnian kazakh "
    "albanian swahili galician marathi punjabi sinhala khmer shona yoruba somali afrikaans occitan georgian belarusian tajik "
    "sindhi gujarati amharic yiddish lao uzbek faroese haitian_creole pashto turkmen nynorsk maltese sanskrit luxembourgish "
    "myanmar tibetan tagalog malagasy assamese tatar hawaiian lingala hausa bashkir javanese sundanese cantonese"
)
LANGUAGES = {code: name.replace("_", " ") for code, name in zip(_CODES.split(), _NAMES.split(), strict=True)}
OTHER_NAMES = {
    "burmese": "my",
    "valencian": "ca",
    "flemish": "nl",
    "haitian": "ht",
    "letzeburgesch": "lb",
    "pushto": "ps",
    "panjabi": "pa",
    "moldavian": "ro",
    "moldovan": "ro",
    "sinhalese": "si",
    "castilian": "es",
    "mandarin": "zh",
}
CODE_OF = {**{name: code for code, name in LANGUAGES.items()}, **OTHER_NAMES}
TASKS = ("translate", "transcribe")


def language_code(language: str) -> str:
    """The code of a language given by code, English name or token (`<|en|>`).

    Raises:
        InputError: Whisper does not know it.
    """
    if not isinstance(language, str):
        raise InputError(f"a language is a name or a code, not {type(language).__name__} {language!r:.60}")
    name = language.lower().removeprefix("<|").removesuffix("|>")
    if name in LANGUAGES:
        return name
    if name not in CODE_OF:
        names = ", ".join(CODE_OF)
        raise InputError(f"unknown language {language!r:.80}.{did_you_mean(name, CODE_OF)} Known, by name or code: {names}")
    return CODE_OF[name]
