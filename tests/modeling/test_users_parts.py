"""Parts that users derive from the published ones and put into models: made and called as published, with equal numbers."""

from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers.models.bart import modeling_bart
from transformers.models.bert import modeling_bert
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.llama import modeling_llama

import bestiary
from bestiary.compat.rotary import LlamaRotaryEmbedding
from bestiary.models.bart.model import BartDecoderLayer, BartEncoderLayer
from bestiary.models.bert.model import BertPooler
from bestiary.models.gpt2.model import GPT2MLP

IDS = torch.tensor([[2, 3, 4, 5], [5, 6, 7, 8]])
SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2}


def rotary(library: Any) -> Any:
    base = modeling_llama.LlamaRotaryEmbedding if library is transformers else LlamaRotaryEmbedding

    class Doubled(base):  # type: ignore[misc,valid-type]
        def forward(self, x: Any, position_ids: Any) -> Any:
            return super().forward(x, position_ids * 2)

    model = library.LlamaForCausalLM(library.LlamaConfig(**SIZES, vocab_size=50))
    model.model.rotary_emb = Doubled(model.config)
    return model


def rotary_of_kinds(library: Any) -> Any:
    """One that tells kinds of layers apart and is no relative of the published one."""

    class Own(nn.Module):
        def forward(self, x: Any, position_ids: Any, layer_type: Any = None) -> Any:
            angles = position_ids[..., None] * torch.arange(1, 5) * (0.1 if layer_type == "full_attention" else 0.3)
            angles = torch.cat((angles, angles), dim=-1).expand(len(x), -1, -1)
            return angles.cos().to(x.dtype), angles.sin().to(x.dtype)

    kinds = ["sliding_attention", "full_attention"]
    config = library.Gemma3TextConfig(**SIZES, head_dim=8, num_key_value_heads=1, vocab_size=50, layer_types=kinds)
    model = library.Gemma3ForCausalLM(config)
    model.model.rotary_emb = Own()
    return model


def pooler(library: Any) -> Any:
    class Mean(modeling_bert.BertPooler if library is transformers else BertPooler):  # type: ignore[misc]
        def forward(self, hidden_states: Any) -> Any:
            return self.activation(self.dense(hidden_states.mean(1)))

    model = library.BertForSequenceClassification(library.BertConfig(**SIZES, vocab_size=50))
    model.bert.pooler = Mean(model.config)
    return model


def mlp(library: Any) -> Any:
    class Twice(modeling_gpt2.GPT2MLP if library is transformers else GPT2MLP):  # type: ignore[misc]
        def forward(self, hidden_states: Any) -> Any:
            return 2 * super().forward(hidden_states)

    model = library.GPT2LMHeadModel(library.GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50))
    for block in model.transformer.h:
        block.mlp = Twice(40, model.config)
    return model


def encoder_layer(library: Any) -> Any:
    class Raised(modeling_bart.BartEncoderLayer if library is transformers else BartEncoderLayer):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return super().forward(*args, **kwargs) * 1.5

    halves = {f"{half}_{name}": size for half in ("encoder", "decoder") for name, size in (("layers", 1), ("ffn_dim", 24))}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    model = library.BartModel(library.BartConfig(d_model=16, vocab_size=50, **halves, **heads))
    model.encoder.layers[0] = Raised(model.config)
    return model


@pytest.mark.parametrize("make", [rotary, rotary_of_kinds, pooler, mlp, encoder_layer])
def test_a_users_part_counts_as_there(make: Any) -> None:
    theirs, ours = make(transformers).eval(), make(bestiary).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.2)
        ours.load_state_dict(theirs.state_dict(), strict=False)
        pairs = zip(ours(IDS, return_dict=False), theirs(IDS, return_dict=False), strict=False)
        torch.testing.assert_close(*next(pairs), rtol=1e-5, atol=1e-5)
    if make in (rotary, rotary_of_kinds, mlp):
        assert ours.generate(IDS, max_new_tokens=5).tolist() == theirs.generate(IDS, max_new_tokens=5).tolist()


def test_a_decoder_layer_without_its_place_says_so() -> None:
    config = bestiary.BartConfig(d_model=16, decoder_attention_heads=2, decoder_ffn_dim=24, vocab_size=50)
    with pytest.warns(UserWarning, match="without layer_idx"):
        BartDecoderLayer(config)
