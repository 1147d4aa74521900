"""What draws masks with the help of finer maps of the image, and says whether the object is there (Ravi et al. 2024, SAM 2)."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .mask_decoder import MaskDecoder, MaskMLP
from .prompt_encoder import rows
from .two_way import TwoWayAttention, TwoWayLayer, TwoWayTransformer


class ObjectAttention(TwoWayAttention):
    """Attention of one set of states to another, `downsample_rate` times narrower than they."""

    output_name = "o_proj"


class ObjectMLP(MaskMLP):
    """As many dense layers as the transformer has blocks, as published, whose activation is a ReLU."""

    def __init__(self, config: Any) -> None:
        super().__init__(config.hidden_size, config.mlp_dim, config.hidden_size, config.num_hidden_layers)


class ObjectTwoWayLayer(TwoWayLayer):
    """Tokens look at tokens, then at the image, go through an MLP, and the image looks at them; a norm behind each."""

    attention_class, mlp_class = ObjectAttention, ObjectMLP
    eps = 1e-5


class ObjectTwoWayTransformer(TwoWayTransformer):
    """The stack of blocks, and a last look of the tokens at the image."""

    layer_class = ObjectTwoWayLayer


class Drawn(NamedTuple):
    """Masks (B, P, M, Y, X), how good each seems (B, P, M), the states of their tokens (B, P, M, D), and the number that is
    above 0 where the object is seen (B, P, 1)."""

    masks: Tensor
    overlaps: Tensor
    tokens: Tensor
    seen: Tensor


class ObjectMaskDecoder(MaskDecoder):
    """SAM's, with a token that says whether the object is seen, and two finer maps of the image."""

    transformer_class: ClassVar[type[TwoWayTransformer]] = ObjectTwoWayTransformer

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        size, count = config.hidden_size, self.num_mask_tokens
        self.iou_prediction_head = MaskMLP(size, config.iou_head_hidden_dim, count, config.iou_head_depth, sigmoid_output=True)
        self.conv_s0 = nn.Conv2d(size, size // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(size, size // 4, kernel_size=1)
        self.obj_score_token = nn.Embedding(1, size)
        self.pred_obj_score_head = MaskMLP(size, size, 1, 3)

    def own_tokens(self, device: torch.device) -> Tensor:
        return torch.cat((rows(self.obj_score_token, device), super().own_tokens(device)))

    def enlarged_with(self, image: Tensor, finest: Tensor, finer: Tensor) -> Tensor:
        """Maps (N, D, y, x), (N, D / 8, 4 y, 4 x) and (N, D / 4, 2 y, 2 x) -> (N, D / 8, 4 y, 4 x)."""
        x = self.activation(self.upscale_layer_norm(self.upscale_conv1(image) + finer))
        output: Tensor = self.activation(self.upscale_conv2(x) + finest)
        return output

    def steady(self, masks: Tensor) -> Tensor:
        """Whether masks (..., Y, X) change little with the threshold (...)."""
        delta = self.config.dynamic_multimask_stability_delta
        above, below = ((masks > way * delta).flatten(-2).sum(-1).float() for way in (1, -1))
        shares: Tensor = torch.where(below > 0, above / below, 1.0)
        return shares >= float(self.config.dynamic_multimask_stability_thresh)

    def forward(  # type: ignore[override]  # finer maps of the image, and more results
        self,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        sparse_prompt_embeddings: Tensor | None,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
        high_resolution_features: Sequence[Tensor],
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> Drawn:
        """See `look`; `high_resolution_features` are the two maps that `enlarged_with` takes, of each image."""
        prompts = (sparse_prompt_embeddings, dense_prompt_embeddings)
        steering = (attention_similarity, target_embedding)
        states, image = self.look(image_embeddings, image_positional_embeddings, *prompts, *steering)
        fine = [each.repeat_interleave(states.shape[1], dim=0) for each in high_resolution_features]
        tokens = states[:, :, 2 : 2 + self.num_mask_tokens]
        masks = self.draw(tokens, self.enlarged_with(image, *fine))
        overlaps, seen = self.iou_prediction_head(states[:, :, 1]), self.pred_obj_score_head(states[:, :, 0])
        if multimask_output:
            return Drawn(masks[:, :, 1:], overlaps[:, :, 1:], tokens[:, :, 1:], seen)
        clear, score = masks[:, :, :1], overlaps[:, :, :1]
        if self.config.dynamic_multimask_via_stability and not self.training:
            best = overlaps[:, :, 1:].argmax(-1, keepdim=True) + 1
            steady = self.steady(clear)
            instead = masks.gather(2, best[..., None, None].expand(-1, -1, -1, *masks.shape[3:]))
            clear = torch.where(steady[..., None, None], clear, instead)
            score = torch.where(steady, score, overlaps.gather(2, best))
        return Drawn(clear, score, tokens[:, :, :1], seen)
