"""MiniMax-M2: both heads, all or half of each head turned, the routers' loss, one expert, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="MiniMaxM2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "MiniMaxM2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MiniMaxM2Model": Head(tokens),
    },
    variants={
        "half_turns": {"rotary_dim": 6},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "one_expert_each": {"num_experts_per_tok": 1},
        "tied": {"tie_word_embeddings": True},
    },
)
