"""D-FINE: HGNet as its backbone, another width of the decoder, fewer blocks, single pixels."""

from kit.families import Case, Head
from kit.pictured_objects import QUERYING, RESNET_D, objects, small_images

HGNET = {
    "model_type": "hgnet_v2",
    "depths": [1, 1, 1],
    "hidden_sizes": [12, 16, 20],
    "stem_channels": [3, 8, 12],
    "stage_in_channels": [12, 12, 16],
    "stage_mid_channels": [4, 6, 8],
    "stage_out_channels": [12, 16, 20],
    "stage_num_blocks": [1, 1, 1],
    "stage_downsample": [True, True, True],
    "stage_downsample_strides": [2, 2, 2],
    "stage_light_block": [False, True, True],
    "stage_kernel_size": [3, 3, 3],
    "stage_numb_of_layers": [1, 1, 1],
    "out_features": ["stage1", "stage2", "stage3"],
}
CASE = Case(
    config_class="DFineConfig",
    config={
        **QUERYING,
        "batch_norm_eps": 0.1,  # of the few numbers of tiny maps, so that rounding does not grow
        "backbone_config": RESNET_D,
        "d_model": 16,
        "decoder_attention_heads": 2,
        "max_num_bins": 8,
        "top_prob_values": 3,
        "lqe_hidden_dim": 10,
    },
    heads={"DFineForObjectDetection": Head(small_images, objects), "DFineModel": Head(small_images)},
    variants={
        "another width": {"d_model": 24, "num_feature_levels": 4, "decoder_n_points": [1, 2, 3, 2], "lqe_layers": 1},
        "fewer blocks": {
            "backbone_config": HGNET,
            "depth_mult": 0.4,
            "hidden_expansion": 0.5,
            "decoder_method": "discrete",
            "layer_norm_eps": 1e-3,
        },
        "bins": {"max_num_bins": 10, "reg_scale": 8.0, "up": 0.25, "weight_loss_fgl": 0.3, "weight_loss_ddf": 2.5},
    },
    tables=("num_points_scale",),
)
