"""Mixtral: every head, a window shorter than the text, none, grouped queries, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="MixtralConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "num_local_experts": 4,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "MixtralForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MixtralModel": Head(tokens),
        "MixtralForSequenceClassification": Head(tokens, class_labels(3)),
        "MixtralForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "MixtralForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "window": {"sliding_window": 5},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "one_expert_each": {"num_experts_per_tok": 1},
        "head_dim": {"head_dim": 12},
    },
)
