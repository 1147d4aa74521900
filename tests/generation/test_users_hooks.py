"""Models that a user writes for the published library: what their hooks return is what the next pass sees."""

from typing import Any

import pytest
import torch
import transformers
from torch import nn

import bestiary
from bestiary.core import outputs

OUTPUTS: dict[Any, Any] = {transformers: transformers.modeling_outputs, bestiary: outputs}
IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])


def without_a_cache(library: Any) -> Any:
    """A model whose hook hands on the tokens alone."""

    class Config(library.PreTrainedConfig):  # type: ignore[misc]
        model_type = "hooked"

        def __init__(self, hidden_size: int = 8, vocab_size: int = 50, num_hidden_layers: int = 1, **others: Any) -> None:
            self.hidden_size, self.vocab_size, self.num_hidden_layers = hidden_size, vocab_size, num_hidden_layers
            super().__init__(**others)

    class Model(library.PreTrainedModel, library.GenerationMixin):  # type: ignore[misc]
        config_class = Config

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embed, self.out = nn.Embedding(50, 8), nn.Linear(8, 50)
            self.rnn = nn.GRU(8, 8, batch_first=True)
            self.post_init()

        def forward(self, input_ids: torch.Tensor, **others: Any) -> Any:
            states, _ = self.rnn(self.embed(input_ids))
            return OUTPUTS[library].CausalLMOutput(logits=self.out(states))

        def prepare_inputs_for_generation(self, input_ids: torch.Tensor, **others: Any) -> dict[str, Any]:
            return {"input_ids": input_ids}

    return Model(Config())


def handing_on(library: Any) -> Any:
    """A head whose forward hands to its backbone whatever it does not name."""

    class Model(library.LlamaForCausalLM):  # type: ignore[misc]
        def forward(self, input_ids: Any = None, attention_mask: Any = None, **others: Any) -> Any:
            output = self.model(input_ids=input_ids, attention_mask=attention_mask, **others)
            kind = OUTPUTS[library].CausalLMOutput if library is bestiary else OUTPUTS[library].CausalLMOutputWithPast
            return kind(logits=2 * self.lm_head(output[0]), past_key_values=output.past_key_values)

    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 50}
    return Model(library.LlamaConfig(**sizes, pad_token_id=0, eos_token_id=49))


@pytest.mark.parametrize("write", [without_a_cache, handing_on])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}])
def test_they_generate_what_they_do_there(write: Any, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    theirs, ours = write(transformers).eval(), write(bestiary).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.3)
    ours.load_state_dict(theirs.state_dict())
    options = {**options, "max_new_tokens": 8}
    assert ours.generate(IDS, **options).tolist() == theirs.generate(IDS, **options).tolist()
