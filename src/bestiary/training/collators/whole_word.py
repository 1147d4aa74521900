"""`DataCollatorForWholeWordMask`, as a name of its own."""

from dataclasses import dataclass

from .language_modeling import DataCollatorForLanguageModeling


@dataclass
class DataCollatorForWholeWordMask(DataCollatorForLanguageModeling):
    """`DataCollatorForLanguageModeling(whole_word_mask=True)`: hides all tokens of a word or none."""

    whole_word_mask: bool = True
    mask_replace_prob: float = 1.0
    random_replace_prob: float = 0.0
