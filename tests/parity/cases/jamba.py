"""Jamba: layers of all four kinds, one expert, biases, tied, other sizes of the mixer."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="JambaConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "attn_layer_period": 3,
        "attn_layer_offset": 1,
        "num_experts": 4,
        "mamba_d_state": 8,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "JambaForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "JambaModel": Head(tokens),
        "JambaForSequenceClassification": Head(tokens, class_labels(3), config={"num_labels": 3}),
    },
    variants={
        "one expert": {"num_experts": 1, "num_experts_per_tok": 1, "num_hidden_layers": 2, "tie_word_embeddings": True},
        "sizes": {"mamba_d_conv": 3, "mamba_expand": 3, "mamba_dt_rank": 5, "mamba_conv_bias": False},
        "routers": {"output_router_logits": True, "num_experts_per_tok": 3},
    },
)
