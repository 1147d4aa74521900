"""Switch Transformers: every head, experts that are full, mixtures in every layer, biases, losses of the routers."""

from kit.families import Case, Head, tokens
from kit.seq2seq_inputs import both, labels

PAD = 0

CASE = Case(
    config_class="SwitchTransformersConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "d_kv": 12,
        "d_ff": 48,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_sparse_encoder_layers": 1,
        "num_sparse_decoder_layers": 1,
        "num_heads": 4,
        "num_experts": 3,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 6,
        "decoder_start_token_id": 0,
    },
    heads={
        "SwitchTransformersForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "SwitchTransformersModel": Head(lambda: both(PAD)),
        "SwitchTransformersEncoderModel": Head(tokens),
    },
    variants={
        "full": {"expert_capacity": 2},
        "every_layer": {"num_sparse_encoder_layers": 2, "num_sparse_decoder_layers": 2},
        "no_layer": {"num_sparse_encoder_layers": 4, "num_sparse_decoder_layers": 4},
        "biases": {"router_bias": True, "dense_act_fn": "gelu_new"},
        "untied": {"tie_word_embeddings": False, "initializer_factor": 0.3},
    },
)
