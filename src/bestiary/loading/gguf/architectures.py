"""GGUF's names for the families: architecture -> published names of tensors and of config fields. Data alone.

A name stands for both `.weight` and `.bias`; `{}` stands for the number of a layer, `{n}` for that of an expert.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Names = Mapping[str, str]


@dataclass(frozen=True)
class Architecture:
    """What GGUF says of one architecture (`general.architecture`), in the published terms.

    model_type: whose config it is. names: published module -> tensor. whole: the same of tensors without `.weight`.
    changes: tensor -> what its numbers were changed by, a key of `changes.CHANGES`.
    config: key of the metadata, without the architecture -> field of the config.
    present: field -> tensor of the first layer that is there if, and only if, the field is true. fixed: what is always so.
    rotary: whether positions are rotary; partial: and turn only `rope.dimension_count` of each head.
    """

    model_type: str
    names: Names
    whole: Names = field(default_factory=dict)
    changes: Names = field(default_factory=dict)
    config: Names = field(default_factory=dict)
    present: Names = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    rotary: bool = True
    partial: bool = False


_SIZES = {
    "context_length": "max_position_embeddings",
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
}
_RMS = {**_SIZES, "attention.layer_norm_rms_epsilon": "rms_norm_eps"}
_HEADS = {**_RMS, "attention.key_length": "head_dim"}
_ENDS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_ATTENTION = {
    "model.layers.{}.input_layernorm": "blk.{}.attn_norm",
    "model.layers.{}.self_attn.q_proj": "blk.{}.attn_q",
    "model.layers.{}.self_attn.k_proj": "blk.{}.attn_k",
    "model.layers.{}.self_attn.v_proj": "blk.{}.attn_v",
    "model.layers.{}.self_attn.o_proj": "blk.{}.attn_output",
}
_HEAD_NORMS = {
    "model.layers.{}.self_attn.q_norm": "blk.{}.attn_q_norm",
    "model.layers.{}.self_attn.k_norm": "blk.{}.attn_k_norm",
}
_NORM = {"model.layers.{}.post_attention_layernorm": "blk.{}.ffn_norm"}
_MLP = {
    "model.layers.{}.mlp.gate_proj": "blk.{}.ffn_gate",
    "model.layers.{}.mlp.up_proj": "blk.{}.ffn_up",
    "model.layers.{}.mlp.down_proj": "blk.{}.ffn_down",
}
_LLAMA = {**_ENDS, **_ATTENTION, **_NORM, **_MLP}
_ROTARY_PAIRS = {"blk.{}.attn_q": "query-pairs", "blk.{}.attn_k": "key-pairs"}
_BIASES = {"attention_bias": "blk.0.attn_q.bias"}


def _experts(gate: str = "gate_proj", up: str = "up_proj", down: str = "down_proj", block: str = "mlp") -> Names:
    experts = f"model.layers.{{}}.{block}.experts.{{n}}"
    return {
        f"{experts}.{gate}": "blk.{}.ffn_gate_exps",
        f"{experts}.{up}": "blk.{}.ffn_up_exps",
        f"{experts}.{down}": "blk.{}.ffn_down_exps",
        f"model.layers.{{}}.{block}.gate": "blk.{}.ffn_gate_inp",
    }


_EXPERT_SIZES = {
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
}
_SHARED_EXPERT = {
    "model.layers.{}.mlp.shared_expert.gate_proj": "blk.{}.ffn_gate_shexp",
    "model.layers.{}.mlp.shared_expert.up_proj": "blk.{}.ffn_up_shexp",
    "model.layers.{}.mlp.shared_expert.down_proj": "blk.{}.ffn_down_shexp",
    "model.layers.{}.mlp.shared_expert_gate": "blk.{}.ffn_gate_inp_shexp",
}
_SPARSE_EXPERTS = _experts("w1", "w3", "w2", "block_sparse_moe")
_LOCAL_EXPERTS = {"expert_count": "num_local_experts", "expert_used_count": "num_experts_per_tok"}
_FOUR_NORMS = {
    "model.layers.{}.post_attention_layernorm": "blk.{}.post_attention_norm",
    "model.layers.{}.pre_feedforward_layernorm": "blk.{}.ffn_norm",
    "model.layers.{}.post_feedforward_layernorm": "blk.{}.post_ffw_norm",
}
_ONE_MORE = ("output_norm", "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm")
_GEMMA_NORMS = {name if name == "output_norm" else f"blk.{{}}.{name}": "plus-one" for name in _ONE_MORE}
_CLASSIC = {
    **_ENDS,
    **_ATTENTION,
    **_NORM,
    "model.layers.{}.mlp.c_fc": "blk.{}.ffn_up",
    "model.layers.{}.mlp.c_proj": "blk.{}.ffn_down",
}
_TRANSFORMER = {
    "transformer.h.{}.self_attention.query_key_value": "blk.{}.attn_qkv",
    "transformer.h.{}.self_attention.dense": "blk.{}.attn_output",
    "transformer.h.{}.mlp.dense_h_to_4h": "blk.{}.ffn_up",
    "transformer.h.{}.mlp.dense_4h_to_h": "blk.{}.ffn_down",
    "transformer.word_embeddings": "token_embd",
    "transformer.ln_f": "output_norm",
    "lm_head": "output",
}
_T5_SIZES = {
    "context_length": "n_positions",
    "embedding_length": "d_model",
    "feed_forward_length": "d_ff",
    "block_count": "num_layers",
    "decoder_block_count": "num_decoder_layers",
    "attention.head_count": "num_heads",
    "attention.key_length": "d_kv",
    "attention.layer_norm_rms_epsilon": "layer_norm_epsilon",
    "attention.relative_buckets_count": "relative_attention_num_buckets",
    "decoder_start_token_id": "decoder_start_token_id",
}


def _t5_stack(stack: str, short: str, attentions: Mapping[str, str], last: int) -> Names:
    names = {}
    for module, tensor in attentions.items():
        for part, letter in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "o"), ("relative_attention_bias", "rel_b")):
            names[f"{stack}.block.{{}}.{module}.{part}"] = f"{short}.blk.{{}}.{tensor}_{letter}"
        names[f"{stack}.block.{{}}.{module.rpartition('.')[0]}.layer_norm"] = f"{short}.blk.{{}}.{tensor}_norm"
    feed = f"{stack}.block.{{}}.layer.{last}"
    return {
        **names,
        f"{feed}.layer_norm": f"{short}.blk.{{}}.ffn_norm",
        f"{feed}.DenseReluDense.wi": f"{short}.blk.{{}}.ffn_up",
        f"{feed}.DenseReluDense.wi_0": f"{short}.blk.{{}}.ffn_gate",
        f"{feed}.DenseReluDense.wi_1": f"{short}.blk.{{}}.ffn_up",
        f"{feed}.DenseReluDense.wo": f"{short}.blk.{{}}.ffn_down",
        f"{stack}.final_layer_norm": f"{short}.output_norm",
    }


_T5 = {
    "shared": "token_embd",
    "lm_head": "output",
    **_t5_stack("encoder", "enc", {"layer.0.SelfAttention": "attn"}, 1),
    **_t5_stack("decoder", "dec", {"layer.0.SelfAttention": "attn", "layer.1.EncDecAttention": "cross_attn"}, 2),
}

# Field of the config -> key of the metadata, for every architecture.
TOKENS = {
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
    "pad_token_id": "tokenizer.ggml.padding_token_id",
}

ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture(
        "llama",
        {**_LLAMA, **_SPARSE_EXPERTS},  # Mixtral's files are of this architecture
        changes=_ROTARY_PAIRS,
        config={**_RMS, "rope.dimension_count": "head_dim", **_LOCAL_EXPERTS},
        present={**_BIASES, "mlp_bias": "blk.0.ffn_down.bias"},
    ),
    "qwen2": Architecture("qwen2", _LLAMA, config=_RMS),
    "qwen3": Architecture("qwen3", {**_LLAMA, **_HEAD_NORMS}, config=_HEADS, present=_BIASES),
    "qwen2moe": Architecture(
        "qwen2_moe",
        {**_ENDS, **_ATTENTION, **_NORM, **_experts(), **_SHARED_EXPERT},
        changes={"blk.{}.ffn_gate_inp_shexp": "row"},
        config={**_RMS, **_EXPERT_SIZES, "expert_shared_feed_forward_length": "shared_expert_intermediate_size"},
        present={"qkv_bias": "blk.0.attn_q.bias"},
    ),
    "qwen3moe": Architecture(
        "qwen3_moe",
        {**_ENDS, **_ATTENTION, **_HEAD_NORMS, **_NORM, **_experts()},
        config={**_HEADS, **_EXPERT_SIZES},
        present=_BIASES,
        fixed={"norm_topk_prob": True},
    ),
    "minimax-m2": Architecture(
        "minimax_m2",
        {**_ENDS, **_ATTENTION, **_HEAD_NORMS, **_NORM, **_SPARSE_EXPERTS},
        whole={"model.layers.{}.block_sparse_moe.e_score_correction_bias": "blk.{}.exp_probs_b.bias"},
        config={**_HEADS, **_LOCAL_EXPERTS, "expert_feed_forward_length": "intermediate_size"},
        partial=True,
    ),
    "phi3": Architecture(
        "phi3",
        {
            **_ENDS,
            **_NORM,
            "model.layers.{}.input_layernorm": "blk.{}.attn_norm",
            "model.layers.{}.self_attn.qkv_proj": "blk.{}.attn_qkv",
            "model.layers.{}.self_attn.o_proj": "blk.{}.attn_output",
            "model.layers.{}.mlp.gate_up_proj": "blk.{}.ffn_up",
            "model.layers.{}.mlp.down_proj": "blk.{}.ffn_down",
        },
        config={
            **_RMS,
            "attention.sliding_window": "sliding_window",
            "rope.scaling.original_context_length": "original_max_position_embeddings",
        },
        partial=True,
    ),
    "stablelm": Architecture(
        "stablelm",
        {**_LLAMA},
        config={**_SIZES, "attention.layer_norm_epsilon": "layer_norm_eps", "use_parallel_residual": "use_parallel_residual"},
        present={"use_qkv_bias": "blk.0.attn_q.bias"},
        partial=True,
    ),
    "starcoder2": Architecture(
        "starcoder2",
        _CLASSIC,
        config={
            **_SIZES,
            "attention.layer_norm_epsilon": "norm_epsilon",
            "attention.sliding_window": "sliding_window",
        },
        present={"use_bias": "blk.0.attn_q.bias"},
    ),
    "nemotron": Architecture(
        "nemotron",
        {**_ENDS, **_ATTENTION, **_NORM, **_MLP},
        changes=dict.fromkeys(("output_norm", "blk.{}.attn_norm", "blk.{}.ffn_norm"), "plus-one"),
        config={**_SIZES, "attention.layer_norm_epsilon": "norm_eps"},
        present={**_BIASES, "mlp_bias": "blk.0.ffn_down.bias"},
        partial=True,
    ),
    "gemma": Architecture("gemma", _LLAMA, changes=_GEMMA_NORMS, config=_HEADS, fixed={"hidden_act": "gelu_pytorch_tanh"}),
    "gemma2": Architecture(
        "gemma2",
        {**_ENDS, **_ATTENTION, **_FOUR_NORMS, **_MLP},
        changes=_GEMMA_NORMS,
        config={
            **_HEADS,
            "attention.sliding_window": "sliding_window",
            "attn_logit_softcapping": "attn_logit_softcapping",
            "final_logit_softcapping": "final_logit_softcapping",
        },
    ),
    "gemma3": Architecture(
        "gemma3_text",
        {**_ENDS, **_ATTENTION, **_HEAD_NORMS, **_FOUR_NORMS, **_MLP},
        changes=_GEMMA_NORMS,
        config={**_HEADS, "attention.sliding_window": "sliding_window"},
    ),
    "gpt2": Architecture(
        "gpt2",
        {
            "transformer.wte": "token_embd",
            "transformer.wpe": "position_embd",
            "transformer.h.{}.ln_1": "blk.{}.attn_norm",
            "transformer.h.{}.attn.c_attn": "blk.{}.attn_qkv",
            "transformer.h.{}.attn.c_proj": "blk.{}.attn_output",
            "transformer.h.{}.ln_2": "blk.{}.ffn_norm",
            "transformer.h.{}.mlp.c_fc": "blk.{}.ffn_up",
            "transformer.h.{}.mlp.c_proj": "blk.{}.ffn_down",
            "transformer.ln_f": "output_norm",
            "lm_head": "output",
        },
        changes={f"blk.{{}}.{name}": "transposed" for name in ("attn_qkv", "attn_output", "ffn_up", "ffn_down")},
        config={
            "context_length": "n_positions",
            "embedding_length": "n_embd",
            "block_count": "n_layer",
            "attention.head_count": "n_head",
            "feed_forward_length": "n_inner",
            "attention.layer_norm_epsilon": "layer_norm_epsilon",
        },
        rotary=False,
    ),
    "bloom": Architecture(
        "bloom",
        {
            **_TRANSFORMER,
            "transformer.word_embeddings_layernorm": "token_embd_norm",
            "transformer.h.{}.input_layernorm": "blk.{}.attn_norm",
            "transformer.h.{}.post_attention_layernorm": "blk.{}.ffn_norm",
        },
        changes={"blk.{}.attn_qkv": "interleaved-heads"},
        config={
            "embedding_length": "hidden_size",
            "block_count": "n_layer",
            "attention.head_count": "n_head",
            "attention.layer_norm_epsilon": "layer_norm_epsilon",
        },
        rotary=False,
    ),
    "falcon": Architecture(
        "falcon",
        {
            **_TRANSFORMER,
            "transformer.h.{}.input_layernorm": "blk.{}.attn_norm",
            "transformer.h.{}.ln_mlp": "blk.{}.attn_norm",
            "transformer.h.{}.ln_attn": "blk.{}.attn_norm_2",
        },
        changes={"blk.{}.attn_qkv": "grouped-heads"},
        config={
            "context_length": "max_position_embeddings",
            "block_count": "num_hidden_layers",
            "embedding_length": "hidden_size",
            "feed_forward_length": "ffn_hidden_size",
            "attention.head_count": "num_attention_heads",
            "attention.head_count_kv": "num_kv_heads",
            "attention.layer_norm_epsilon": "layer_norm_epsilon",
        },
        present={"new_decoder_architecture": "blk.0.attn_norm_2.weight"},
    ),
    "mamba": Architecture(
        "mamba",
        {
            "backbone.embeddings": "token_embd",
            "backbone.layers.{}.norm": "blk.{}.attn_norm",
            "backbone.layers.{}.mixer.in_proj": "blk.{}.ssm_in",
            "backbone.layers.{}.mixer.conv1d": "blk.{}.ssm_conv1d",
            "backbone.layers.{}.mixer.x_proj": "blk.{}.ssm_x",
            "backbone.layers.{}.mixer.dt_proj": "blk.{}.ssm_dt",
            "backbone.layers.{}.mixer.out_proj": "blk.{}.ssm_out",
            "backbone.norm_f": "output_norm",
            "lm_head": "output",
        },
        whole={
            "backbone.layers.{}.mixer.A_log": "blk.{}.ssm_a",
            "backbone.layers.{}.mixer.D": "blk.{}.ssm_d",
        },
        changes={"blk.{}.ssm_conv1d": "channel", "blk.{}.ssm_a": "minus-exponential"},
        config={
            "block_count": "num_hidden_layers",
            "embedding_length": "hidden_size",
            "ssm.conv_kernel": "conv_kernel",
            "ssm.inner_size": "intermediate_size",
            "ssm.state_size": "state_size",
            "ssm.time_step_rank": "time_step_rank",
            "attention.layer_norm_rms_epsilon": "layer_norm_epsilon",
        },
        rotary=False,
    ),
    "lfm2": Architecture(
        "lfm2",
        {
            "model.embed_tokens": "token_embd",
            "model.embedding_norm": "token_embd_norm",
            "lm_head": "output",
            "model.layers.{}.operator_norm": "blk.{}.attn_norm",
            "model.layers.{}.ffn_norm": "blk.{}.ffn_norm",
            "model.layers.{}.self_attn.q_proj": "blk.{}.attn_q",
            "model.layers.{}.self_attn.k_proj": "blk.{}.attn_k",
            "model.layers.{}.self_attn.v_proj": "blk.{}.attn_v",
            "model.layers.{}.self_attn.out_proj": "blk.{}.attn_output",
            "model.layers.{}.self_attn.q_layernorm": "blk.{}.attn_q_norm",
            "model.layers.{}.self_attn.k_layernorm": "blk.{}.attn_k_norm",
            "model.layers.{}.feed_forward.w1": "blk.{}.ffn_gate",
            "model.layers.{}.feed_forward.w3": "blk.{}.ffn_up",
            "model.layers.{}.feed_forward.w2": "blk.{}.ffn_down",
            "model.layers.{}.conv.conv": "blk.{}.shortconv.conv",
            "model.layers.{}.conv.in_proj": "blk.{}.shortconv.in_proj",
            "model.layers.{}.conv.out_proj": "blk.{}.shortconv.out_proj",
        },
        changes={"blk.{}.shortconv.conv": "channel"},
        config={
            **{key: name for key, name in _SIZES.items() if not key.endswith("_kv")},
            "attention.layer_norm_rms_epsilon": "norm_eps",
            "shortconv.l_cache": "conv_L_cache",
        },
        fixed={"block_auto_adjust_ff_dim": False},
    ),
    "t5": Architecture("t5", _T5, config=_T5_SIZES, rotary=False),
}
