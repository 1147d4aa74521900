"""What scripts read of the parts of a published model, they read of ours at the same place, with the same value."""

from typing import Any

import pytest
from kit.families import Pair, each, every_row, pair

SIZES = "hidden_size intermediate_size embed_dim model_dim inner_dim d_model split_size vocab_size padding_idx projection_dim"
SIZES += " text_embed_dim vision_embed_dim image_size patch_size num_patches num_positions num_channels num_mel_bins num_labels"
SIZES += " max_source_positions max_target_positions eos_token_id hidden_dim intermediate_dim"
HEADS = "num_heads num_attention_heads n_heads head_dim attention_head_size key_value_proj_dim all_head_size layer_idx"
HEADS += " num_key_value_groups scaling scale scale_attn_weights reorder_and_upcast_attn has_relative_attention_bias"
HEADS += " relative_attention_num_buckets relative_attention_max_distance"
OTHERS = "config dropout attention_dropout activation_dropout layerdrop variance_epsilon add_cross_attention"
OTHERS += (
    " chunk_size_feed_forward gradient_checkpointing num_experts num_experts_per_tok router_aux_loss_coef top_k jitter_noise"
)
ACTIVATIONS = {"act", "act_fn", "activation", "activation_fn", "activation_function", "intermediate_act_fn", "transform_act_fn"}
PLACES = "seq_len_dim is_cross_attention"
MAMBA = "conv_kernel_size ssm_state_size time_step_rank use_bias use_conv_bias activation"
NAMES = {name for line in (SIZES, HEADS, OTHERS, PLACES, MAMBA) for name in line.split()}

# (end of the name of published classes, attribute) -> why ours does not have it, or has another value.
APART = {
    ("CLIPEncoder", "gradient_checkpointing"): "layers and models say it",
    ("Transformer", "gradient_checkpointing"): "layers and models say it",
    ("DebertaEncoder", "gradient_checkpointing"): "layers and models say it",
    ("DebertaV2Encoder", "gradient_checkpointing"): "layers and models say it",
    ("DebertaLayerNorm", "variance_epsilon"): "it is torch's own LayerNorm, where that is eps",
    ("NllbMoeDecoderLayer", "activation_fn"): "nothing is computed by it there; the MLP has its own",
    ("EsmSelfAttention", "scaling"): "queries are multiplied before they turn there, scores here, which is the same",
    ("BigBirdEncoder", "gradient_checkpointing"): "layers and models say it",
    ("ConvBertEncoder", "gradient_checkpointing"): "layers and models say it",
    ("EsmEncoder", "gradient_checkpointing"): "layers and models say it",
    ("LongformerEncoder", "gradient_checkpointing"): "layers and models say it",
    ("RoFormerEncoder", "gradient_checkpointing"): "layers and models say it",
    ("TimesformerEncoder", "gradient_checkpointing"): "layers and models say it",
    ("VideoMAEDecoder", "gradient_checkpointing"): "layers and models say it",
    ("VideoMAEEncoder", "gradient_checkpointing"): "layers and models say it",
    ("VideoMAELayer", "chunk_size_feed_forward"): "nothing is computed in chunks",
    ("VideoMAELayer", "seq_len_dim"): "nothing is computed in chunks",
    ("VJEPA2Encoder", "gradient_checkpointing"): "layers and models say it",
    ("VJEPA2Predictor", "gradient_checkpointing"): "layers and models say it",
    ("T5Attention", "gradient_checkpointing"): "layers and models say it",
    ("LongT5LocalAttention", "gradient_checkpointing"): "layers and models say it",
    ("LongT5TransientGlobalAttention", "gradient_checkpointing"): "layers and models say it",
    ("SwitchTransformersAttention", "gradient_checkpointing"): "layers and models say it",
    ("YolosLayer", "seq_len_dim"): "nothing is computed in chunks, there neither",
    ("DPTViTLayer", "seq_len_dim"): "nothing is computed in chunks, there neither",
    ("DPTViTLayer", "chunk_size_feed_forward"): "nothing is computed in chunks, there neither",
    ("YolosLayer", "chunk_size_feed_forward"): "nothing is computed in chunks, there neither",
    ("Data2VecVisionLayer", "seq_len_dim"): "nothing is computed in chunks, there neither",
    ("Data2VecVisionLayer", "chunk_size_feed_forward"): "nothing is computed in chunks, there neither",
    ("YolosEncoder", "gradient_checkpointing"): "layers and models say it",
    ("Data2VecVisionEncoder", "gradient_checkpointing"): "layers and models say it",
    ("ViTMAEDecoder", "gradient_checkpointing"): "layers and models say it",
    ("PvtV2Encoder", "gradient_checkpointing"): "layers and models say it",
    ("Swinv2Encoder", "gradient_checkpointing"): "layers and models say it",
    ("Swin2SREncoder", "gradient_checkpointing"): "layers and models say it",
    ("MaskFormerSwinEncoder", "gradient_checkpointing"): "layers and models say it",
    ("DFineMLP", "act"): "it is ReLU always, a function here",
    ("MaskFormerDetrSelfAttention", "config"): "every part has the config of its model",
    ("MaskFormerDetrCrossAttention", "config"): "every part has the config of its model",
    ("MaskFormerDetrDecoder", "config"): "every part has the config of its model",
    ("MaskFormerDetrDecoder", "dropout"): "the config of its model does not say it",
    ("Mask2FormerMaskedAttentionDecoder", "gradient_checkpointing"): "layers and models say it",
    ("Mask2FormerMaskedAttentionDecoder", "layerdrop"): "no layer is left out; of published ones the masks fit no map then",
    ("TableTransformerDecoder", "gradient_checkpointing"): "layers and models say it",
    ("DetrConvEncoder", "config"): "the module at this path is a plain nn.ModuleDict",
    ("DetrMHAttentionMap", "attention_dropout"): "nothing is dropped there, whatever the config says of other attention",
    ("Zamba2Attention", "layer_idx"): "it is -1 there, and the layer's number goes into each call",
}

LITTLE = dict.fromkeys(
    ("SwinBackbone", "BeitBackbone", "PixioBackbone"),
    "the published one has its parts below a model in it, as its files do not",
) | {"SuperPointForKeypointDetection": "the published parts are plain convolutions"}


def values(module: Any) -> dict[str, Any]:
    """The known attributes of a published module that are plain values, its activation, and its config."""
    known = {name: value for name, value in vars(module).items() if name in NAMES}
    return {name: value for name, value in known.items() if name == "config" or isinstance(value, int | float | str)} | {
        name: value for name, value in {**vars(module), **module._modules}.items() if name in ACTIVATIONS and callable(value)
    }


def agree(name: str, ours: Any, published: Any) -> bool:
    """Whether a module of ours has the value of the published module's attribute `name`."""
    value = getattr(ours, name, "missing")
    if name == "config":
        return type(value).__name__ == type(published).__name__
    if callable(published):
        return callable(value)
    return bool(value == (pytest.approx(published) if isinstance(published, float) else published))


@each(every_row())
def test_parts_have_the_published_attributes(models: Pair) -> None:
    ours, compared = dict(models.ours.named_modules()), 0
    for path, module in models.reference.named_modules():
        if path in ours and not type(module).__module__.startswith("torch."):
            for name, value in values(module).items():
                kind = type(module).__name__
                apart = next((why for (end, of), why in APART.items() if of == name and kind.endswith(end)), None)
                assert agree(name, ours[path], value) == (apart is None), f"{kind} at {path!r}: {name} is {value!r}; {apart}"
                compared += 1
    assert compared > 1 or models.name in LITTLE


def test_configs_of_parts_are_those_of_the_innermost_model() -> None:
    model = pair("clip", "CLIPModel").ours
    assert model.text_model.encoder.layers[0].self_attn.config is model.config.text_config
    assert model.vision_model.encoder.layers[0].mlp.config is model.config.vision_config
