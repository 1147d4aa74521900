"""BigBird: every head, texts with few blocks and with many, whole blocks or not, scaled words, as a decoder."""

from dataclasses import replace

from kit.families import Case, Head, class_labels, token_labels, tokens
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("BigBird", segments=True, decoder="ForCausalLM")
CASE = Case(
    config_class="BigBirdConfig",
    config={**TINY, "max_position_embeddings": 24, "block_size": 2, "num_random_blocks": 1, "sep_token_id": 4},
    heads={
        **{name: replace(HEADS[name], inputs=lambda: tokens(length=16)) for name in ("BigBirdForMaskedLM", "BigBirdModel")},
        **{name: head for name, head in HEADS.items() if name not in ("BigBirdForMaskedLM", "BigBirdModel")},
        "BigBirdForCausalLM": Head(lambda: tokens(side="left"), token_labels, config={"is_decoder": True}, generates=True),
        "BigBirdForPreTraining": Head(
            HEADS["BigBirdForMaskedLM"].inputs,
            lambda inputs: {**token_labels(inputs), "next_sentence_label": class_labels(2)(inputs)["labels"]},
        ),
    },
    variants={
        "full": {"attention_type": "original_full"},
        "narrow": {"block_size": 1, "num_random_blocks": 4},
        "scaled": {"rescale_embeddings": True, "use_bias": False, "tie_word_embeddings": False},
    },
)
