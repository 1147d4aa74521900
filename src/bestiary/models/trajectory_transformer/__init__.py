"""Trajectory Transformer (Janner et al. 2021, "Offline reinforcement learning as one big sequence modeling problem").

Differs from GPT-2: a step is several tokens, one for each dimension of what is observed and done and for reward and value, each
with a vocabulary and a head of its own; no token looks at values of earlier steps.

Paper: https://arxiv.org/abs/2106.02039
"""

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class TrajectoryTransformerConfig(PreTrainedConfig):
    """Hyperparameters.

    A step is `observation_dim` tokens of what is observed, `action_dim` of what is done, one of the reward and one of the value
    that is still to come, `transition_dim` in all, each one of `vocab_size` classes; `block_size` tokens have a position. The
    loss of actions, rewards and values is multiplied by their weights.
    """

    model_type = "trajectory_transformer"
    attribute_map = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}

    vocab_size: Length = 100
    action_weight: Amount = 5
    reward_weight: Amount = 1
    value_weight: Amount = 1
    block_size: Length = 249
    action_dim: Size = 6
    observation_dim: Size = 17
    transition_dim: Size = 25
    n_layer: Depth = 4
    n_head: Size = 4
    n_embd: Size = 128
    embd_pdrop: Rate = 0.1
    attn_pdrop: Rate = 0.1
    resid_pdrop: Rate = 0.1
    learning_rate: Rate = 0.0006
    max_position_embeddings: Length = 512
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    kaiming_initializer_range: Amount = 1
    pad_token_id: int | None = 1
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256

    def validate(self) -> None:
        super().validate()
        self.divides("n_embd", "n_head")


TASKS = {"base": "TrajectoryTransformerModel"}

__getattr__, __dir__ = lazy(
    __name__,
    {"model": ["TrajectoryTransformerPreTrainedModel", "TrajectoryTransformerOutput", "TrajectoryTransformerModel"]},
)
