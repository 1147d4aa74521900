"""A model that a user writes on `PreTrainedModel` and `GenerationMixin` keeps its generation settings as in the reference."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import bestiary


def own_model(library: Any, mixin_first: bool) -> tuple[Any, Any]:
    """The class and its config class, written on either library."""

    class OwnConfig(library.PreTrainedConfig):  # type: ignore[misc]
        model_type = "own-generating"

        def __init__(self, hidden_size: int = 4, vocab_size: int = 11, **kwargs: Any) -> None:
            self.hidden_size, self.vocab_size, self.num_hidden_layers = hidden_size, vocab_size, 1
            super().__init__(**kwargs)

    bases = (
        (library.GenerationMixin, library.PreTrainedModel)
        if mixin_first
        else (
            library.PreTrainedModel,
            library.GenerationMixin,
        )
    )

    class Own(*bases):  # type: ignore[misc]
        config_class = OwnConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embed, self.head = torch.nn.Embedding(config.vocab_size, 4), torch.nn.Linear(4, config.vocab_size)
            self.post_init()

        def prepare_inputs_for_generation(self, input_ids: torch.Tensor, **kwargs: Any) -> dict[str, Any]:
            return {"input_ids": input_ids}

        def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **kwargs: Any) -> Any:
            logits = self.head(self.embed(input_ids))
            kind = library.modeling_outputs if library is transformers else bestiary.core.outputs
            return (kind.CausalLMOutputWithPast if library is transformers else kind.CausalLMOutput)(logits=logits)

    return Own, OwnConfig


@pytest.mark.parametrize("mixin_first", [True, False])
def test_settings_come_from_the_config_and_the_file(tmp_path: Path, mixin_first: bool) -> None:
    answers = []
    for library in (bestiary, transformers):
        kind, config = own_model(library, mixin_first)
        model = kind(config(eos_token_id=10, pad_token_id=0)).eval()
        assert model.can_generate()
        first = model.generation_config.eos_token_id, model.generation_config.pad_token_id
        folder = tmp_path / library.__name__
        model.generation_config.max_new_tokens = 3
        model.head.bias.data[3] = 99.0
        model.save_pretrained(folder)
        again = kind.from_pretrained(folder)
        written = (folder / "generation_config.json").is_file()
        ids = again.generate(torch.tensor([[1, 2]]), do_sample=False)
        answers.append(
            (first, written, again.generation_config.max_new_tokens, again.generation_config.eos_token_id, ids.tolist())
        )
    assert answers[0] == answers[1]
    assert answers[0][:3] == ((10, 0), True, 3)
