"""Transformer-XL (Dai et al. 2019): a decoder that also looks at states of earlier segments, at distances and not at places.

Differs from GPT-2: that memory, which begins as zeros, and holds what each layer read; distances in place of positions; ReLU; a
softmax in which rare words come in clusters, and embeddings in which they have fewer numbers each. Words are split by Moses.

Paper: https://arxiv.org/abs/1901.02860
"""

from typing import ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class TransfoXLConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of `transfo-xl-wt103`.

    Words: clusters end before the numbers in `cutoffs`; words of each further one have `div_val` times fewer numbers than the
    first one's `d_embed`. `tie_projs`: for each cluster, whether embeddings and softmax share its projection; if not said, all
    but the first do where `proj_share_all_but_first` is set. Memory: the newest `mem_len` states; `same_length`: each token
    sees as many; `clamp_len`: the greatest distance that counts as such, if above 0. `untie_r`: whether each layer has its own
    biases of queries. Start: `init` "uniform" within `init_range` or "normal" with deviation `init_std`, projections with
    `proj_init_std`. `attn_type` and `adaptive` are always 0 and True, and no release samples from the softmax
    (`sample_softmax`).
    """

    model_type: ClassVar[str] = "transfo-xl"
    attribute_map: ClassVar[dict[str, str]] = {
        "n_token": "vocab_size",
        "hidden_size": "d_model",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: Length = 267735
    cutoffs: list[Length] | tuple[Length, ...] = (20000, 40000, 200000)
    d_model: Size = 1024
    d_embed: Size = 1024
    n_head: Size = 16
    d_head: Size = 64
    d_inner: Size = 4096
    div_val: Size = 4
    pre_lnorm: bool = False
    n_layer: Depth = 18
    mem_len: Count = 1600
    clamp_len: int = 1000
    same_length: bool = True
    proj_share_all_but_first: bool = True
    tie_projs: list[bool] | None = None
    attn_type: int = 0
    sample_softmax: int = -1
    adaptive: bool = True
    dropout: Rate = 0.1
    dropatt: Rate = 0.0
    untie_r: bool = True
    init: Literal["normal", "uniform"] = "normal"
    init_range: Amount = 0.01
    proj_init_std: Amount = 0.01
    init_std: Amount = 0.02
    layer_norm_epsilon: Rate = 1e-5
    eos_token_id: int | list[int] | None = 0

    @property
    def max_position_embeddings(self) -> int:
        """-1: distances have no end."""
        return -1

    def validate(self) -> None:
        super().validate()
        self.cutoffs = list(self.cutoffs)
        if self.tie_projs is None:
            self.tie_projs = [False] + [self.proj_share_all_but_first] * len(self.cutoffs)
        if len(self.tie_projs) != len(self.cutoffs) + 1:
            raise ConfigError(
                f"TransfoXLConfig: tie_projs has {len(self.tie_projs)} values; expected one for each cluster, that is"
                f" {len(self.cutoffs) + 1}, one more than cutoffs"
            )
        if self.attn_type or self.sample_softmax > 0 or not self.adaptive:
            raise ConfigError(
                f"TransfoXLConfig: attn_type is {self.attn_type}, sample_softmax {self.sample_softmax} and adaptive"
                f" {self.adaptive}; expected 0, -1 and True: no release has computed anything else"
            )
        if self.d_model % 2:
            raise ConfigError(f"TransfoXLConfig: d_model is {self.d_model}; expected an even number, sines and cosines")

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.n_layer  # they keep states of a text instead of keys


TASKS = {
    "base": "TransfoXLModel",
    "pretraining": "TransfoXLLMHeadModel",
    "causal-lm": "TransfoXLLMHeadModel",
    "sequence-classification": "TransfoXLForSequenceClassification",
}

PREPROCESSORS = {"tokenizer": "TransfoXLTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["TransfoXLPreTrainedModel", *dict.fromkeys(TASKS.values())],
        "tokenizer": ["TransfoXLTokenizer"],
        "corpus": ["LMMultiFileIterator", "LMOrderedIterator", "LMShuffledIterator", "TransfoXLCorpus"],
    },
)
