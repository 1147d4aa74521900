"""English number words as digits: "twenty-one dollars" is "$21", "one hundred and first" is "101st"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_UNITS = (
    "one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_POWERS = "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
_IRREGULAR = {1: "first", 2: "second", 3: "third", 5: "fifth", 12: "twelfth"}

UNITS = {name: number for number, name in enumerate(_UNITS.split(), 1)}
TENS = {name: number for number, name in zip(range(20, 100, 10), _TENS.split(), strict=True)}
MULTIPLIERS = {"hundred": 100, **{name: 1000**power for power, name in enumerate(_POWERS.split(), 1)}}
ZEROS = frozenset({"o", "oh", "zero"})
SIGNS = {"minus": "-", "negative": "-", "plus": "+", "positive": "+"}
CURRENCIES = {
    name: sign
    for names, sign in (("pound pounds", "£"), ("euro euros", "€"), ("dollar dollars", "$"), ("cent cents", "¢"))
    for name in names.split()
}
PERCENT = frozenset({"per", "percent"})
JOINERS = frozenset({"and", "double", "triple", "point"})
_NUMERAL = re.compile(r"\d+(\.\d+)?")


def _endings() -> dict[str, tuple[int, str]]:
    """Ordinals and plurals: word -> the number and what follows its digits."""
    endings = {"zeroth": (0, "th")}
    for name, number in UNITS.items():
        ordinal = _IRREGULAR.get(number, name + ("h" if name.endswith("t") else "th"))
        endings[ordinal] = (number, {1: "st", 2: "nd", 3: "rd"}.get(number, "th"))
        endings["sixes" if name == "six" else f"{name}s"] = (number, "s")
    for name, number in TENS.items():
        endings[name.replace("y", "ieth")] = (number, "th")
        endings[name.replace("y", "ies")] = (number, "s")
    return endings


ENDINGS = _endings()
MULTIPLIER_ENDINGS = {f"{name}{ending}": (number, ending) for name, number in MULTIPLIERS.items() for ending in ("s", "th")}
WORDS = frozenset({*UNITS, *TENS, *MULTIPLIERS, *ENDINGS, *MULTIPLIER_ENDINGS, *ZEROS, *SIGNS, *CURRENCIES, *PERCENT, *JOINERS})
DIGIT_WORDS = frozenset({*UNITS, *TENS, *ZEROS})

Value = int | str | None


def _is_numeral(word: str | None) -> bool:
    return word is not None and _NUMERAL.fullmatch(word) is not None


def _join(value: Value, number: int, before: str | None) -> int | str:
    """Put a number below 100 after what was said before it: 20 and 1 make 21, 19 and 84 make "1984"."""
    if value is None:
        return number
    if isinstance(value, str) or (number < 20 and before in UNITS):
        digits = str(value)
        return digits[:-1] + str(number) if before in TENS and number < 10 else f"{digits}{number}"
    room = 10 if number < 10 else 100
    return value + number if value % room == 0 else f"{value}{number}"


def _times(value: Value, factor: int) -> int | None:
    """`value` times `factor`; only what stands below the last thousand is multiplied. None where that is no whole number."""
    if value is None:
        return factor
    if isinstance(value, str) or value == 0:
        try:
            product = Fraction(str(value)) * factor
        except ValueError:
            return None
        return product.numerator if product.denominator == 1 else None
    return value // 1000 * 1000 + value % 1000 * factor


@dataclass
class _Reader:
    """Reads words one after the other; the number that is being said is `value`, with a sign or currency before it."""

    value: Value = None
    sign: str = ""
    skip: bool = False

    def say(self, result: Value) -> Iterator[str]:
        """Give out `result`, if there is one, and begin anew."""
        if result is not None:
            text = f"{self.sign}{result}"
            self.value, self.sign = None, ""
            yield text

    def both(self, word: str) -> Iterator[str]:
        """Give out the number so far, then the word."""
        yield from self.say(self.value)
        yield from self.say(word)

    def read(self, before: str | None, word: str, after: str | None) -> Iterator[str]:
        """Take one word; gives out what is finished."""
        bare = word[1:] if word[0] in "-+£€$¢" else word
        if _is_numeral(bare):
            yield from self._numeral(word, bare)
        elif word not in WORDS:
            yield from self.both(word)
        elif word in ZEROS:
            self.value = f"{self.value or ''}0"
        elif word in UNITS or word in TENS:
            self.value = _join(self.value, UNITS.get(word) or TENS[word], before)
        elif word in ENDINGS:
            number, ending = ENDINGS[word]
            yield from self.say(f"{_join(self.value, number, before)}{ending}")
        elif word in MULTIPLIERS or word in MULTIPLIER_ENDINGS:
            yield from self._multiply(word)
        else:
            yield from self._mark(before, word, after)

    def _numeral(self, word: str, bare: str) -> Iterator[str]:
        if isinstance(self.value, str) and self.value.endswith("."):
            self.value += word
            return
        yield from self.say(self.value)
        if bare != word:
            self.sign = word[0]
        number = Fraction(bare)
        self.value = number.numerator if number.denominator == 1 else bare

    def _multiply(self, word: str) -> Iterator[str]:
        factor, ending = MULTIPLIER_ENDINGS.get(word) or (MULTIPLIERS[word], "")
        product = _times(self.value, factor)
        if product is None:
            yield from self.say(self.value)
            product = factor
        self.value = product
        if ending:
            yield from self.say(f"{product}{ending}")

    def _mark(self, before: str | None, word: str, after: str | None) -> Iterator[str]:
        """Signs, currencies, percent, and the words between numbers."""
        goes_on = after in WORDS or _is_numeral(after)
        if word in SIGNS:
            yield from self.say(self.value)
            if goes_on:
                self.sign = SIGNS[word]
            else:
                yield from self.say(word)
        elif word in CURRENCIES and self.value is not None:
            self.sign = CURRENCIES[word]
            yield from self.say(self.value)
        elif word in PERCENT and self.value is not None and (word == "percent" or after == "cent"):
            self.skip = word == "per"
            yield from self.say(f"{self.value}%")
        elif word not in JOINERS or not goes_on:
            yield from self.both(word)
        elif word == "and":
            if before not in MULTIPLIERS:
                yield from self.both(word)
        elif word == "point":
            if after in DIGIT_WORDS or _is_numeral(after):
                self.value = f"{self.value or ''}."
        elif after in UNITS or after in ZEROS:
            self.value = f"{self.value or ''}{str(UNITS.get(str(after), 0)) * (2 if word == 'double' else 3)}"
            self.skip = True
        else:
            yield from self.both(word)


def _halves(text: str) -> str:
    """ "and a half" after a number is "point five"."""
    parts = re.split(r"\band\s+a\s+half\b", text)
    for place, part in enumerate(parts[:-1]):
        words = part.rsplit(maxsplit=1)
        counted = bool(words) and (words[-1] in DIGIT_WORDS or words[-1] in MULTIPLIERS)
        parts[place] = f"{part} {'point five' if counted else 'and a half'}"
    return " ".join(part for part in parts if part.strip())


def standard_numbers(text: str) -> str:
    """Write the number words of lower-cased English text as digits."""
    text = _halves(text)
    text = re.sub(r"([a-z])([0-9])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])\s+(st|nd|rd|th|s)\b", r"\1\2", text)
    words = text.split()
    reader = _Reader()
    written: list[str] = []
    for place, word in enumerate(words):
        if reader.skip:
            reader.skip = False
            continue
        before = words[place - 1] if place else None
        after = words[place + 1] if place + 1 < len(words) else None
        written += reader.read(before, word, after)
    written += reader.say(reader.value)
    return _cents(" ".join(written))


def _cents(text: str) -> str:
    """Dollars and cents in one number, small amounts in cents, and the lone number one as a word."""
    text = re.sub(r"([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b", lambda m: f"{m[1]}{m[2]}.{int(m[3]):02d}", text)
    # The published rule takes any character for the point; word error rates are comparable only with the same rule.
    text = re.sub(r"[€£$]0.([0-9]{1,2})\b", lambda m: f"¢{int(m[1])}", text)
    return re.sub(r"\b1(s?)\b", r"one\1", text)
