"""LongT5: every head, both kinds of attention, texts that fill their blocks or do not, gated MLPs, stacks of other depth."""

from kit.families import Case, Head, tokens
from kit.seq2seq_inputs import both, labels

PAD = 0

CASE = Case(
    config_class="LongT5Config",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "d_kv": 12,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "local_radius": 3,
        "global_block_size": 3,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 6,
        "decoder_start_token_id": 0,
    },
    heads={
        "LongT5ForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "LongT5Model": Head(lambda: both(PAD)),
        "LongT5EncoderModel": Head(tokens, config={"encoder_attention_type": "transient-global"}),
    },
    variants={
        "global": {"encoder_attention_type": "transient-global", "feed_forward_proj": "gated-gelu"},
        "short": {"encoder_attention_type": "transient-global", "global_block_size": 16, "local_radius": 15},
        "narrow": {"local_radius": 1, "num_decoder_layers": 3},
    },
)
