"""The heads that models of others derive from, over a backbone that is theirs too, beside the published ones."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import transformers.utils.output_capturing
from transformers import modeling_layers

import bestiary.core.outputs
from bestiary.compat import heads, output_capturing

SPANS = {"start_positions": torch.tensor([1, 2]), "end_positions": torch.tensor([3, 3])}
LABELS: dict[str, dict[str, torch.Tensor]] = {
    "GenericForSequenceClassification": {"labels": torch.tensor([0, 2])},
    "GenericForTokenClassification": {"labels": torch.tensor([[0, 1, 2, -100], [2, 2, 1, 0]])},
    "GenericForQuestionAnswering": SPANS,
}


def family(library: Any, head: type, prefix: str) -> tuple[Any, Any]:
    """A config class and a class with `head`, of a type that is written and registered anew."""
    outputs = transformers.modeling_outputs if library is transformers else bestiary.core.outputs

    class OwnConfig(library.PreTrainedConfig):  # type: ignore[misc]
        model_type = f"own-{head.__name__}-{prefix}".lower()

        def __init__(self, hidden_size: int = 8, vocab_size: int = 20, **kwargs: Any) -> None:
            self.hidden_size, self.vocab_size = hidden_size, vocab_size
            super().__init__(**kwargs)

    class OwnPreTrainedModel(library.PreTrainedModel):  # type: ignore[misc]
        config_class = OwnConfig
        base_model_prefix = prefix

    class OwnModel(OwnPreTrainedModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embed_tokens = torch.nn.Embedding(config.vocab_size, config.hidden_size)
            self.post_init()

        def forward(self, input_ids: Any = None, attention_mask: Any = None, inputs_embeds: Any = None, **kwargs: Any) -> Any:
            states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
            return outputs.BaseModelOutputWithPast(last_hidden_state=states.cumsum(1))

    OwnHead = type(head.__name__.replace("Generic", "Own"), (head, OwnPreTrainedModel), {"base_model_prefix": prefix})
    library.AutoConfig.register(OwnConfig.model_type, OwnConfig)
    library.AutoModel.register(OwnConfig, OwnModel)
    return OwnConfig, OwnHead


@pytest.mark.parametrize("prefix", ["model", "backbone"])
@pytest.mark.parametrize("name", LABELS)
def test_a_head_over_a_backbone_of_ones_own(name: str, prefix: str, tmp_path: Path) -> None:
    config, kind = family(bestiary, getattr(heads, name), prefix)
    other_config, other_kind = family(transformers, getattr(modeling_layers, name), prefix)
    other = other_kind(other_config(num_labels=3, pad_token_id=0)).eval()
    other.save_pretrained(tmp_path)
    ours = kind.from_pretrained(tmp_path)
    assert isinstance(ours.config, config)
    assert ours.state_dict().keys() == other.state_dict().keys()
    assert ours.base_model is getattr(ours, prefix)
    inputs: dict[str, Any] = {"input_ids": torch.tensor([[5, 6, 7, 0], [4, 9, 3, 2]]), **LABELS[name]}
    inputs["attention_mask"] = (inputs["input_ids"] != 0).long()
    answers = ours(**inputs), other(**inputs)
    assert list(answers[0]) == list(answers[1])
    for field, value in answers[1].items():
        torch.testing.assert_close(answers[0][field], value, atol=1e-5, rtol=1e-5, msg=field)
    ours.train()
    other.train()
    dropouts = [[each.p for each in model.modules() if isinstance(each, torch.nn.Dropout)] for model in (ours, other)]
    assert dropouts[0] == dropouts[1]


def test_words_of_a_config_that_change_the_head() -> None:
    for library, module in ((bestiary, heads), (transformers, modeling_layers)):
        kind = type("Classifier", (module.GenericForTokenClassification, library.LlamaPreTrainedModel), {})
        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 20}
        model = kind(library.LlamaConfig(**sizes, token_classification_bias=False, classifier_dropout=0.3))
        assert model.score.bias is None
        assert model.dropout.p == 0.3


@pytest.mark.parametrize(
    "flags", [{}, {"output_hidden_states": True}, {"output_hidden_states": True, "output_attentions": True}]
)
@pytest.mark.parametrize("return_dict", [None, False])
def test_a_backbone_that_collects_by_itself(flags: dict[str, bool], return_dict: bool | None) -> None:
    answers = []
    for library, module, capturing in (
        (bestiary, heads, output_capturing),
        (transformers, modeling_layers, transformers.utils.output_capturing),
    ):
        config, head = family(library, module.GenericForSequenceClassification, f"collecting{len(flags)}{return_dict}")
        model = head(config(num_labels=3, pad_token_id=0)).eval()
        backbone = type(model.base_model)

        class Mixer(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> Any:
                return x.cumsum(1), x @ x.mT

        class Collecting(backbone):  # type: ignore[misc, valid-type]
            _can_record_outputs = {"hidden_states": Mixer, "attentions": Mixer}

            def __init__(self, config: Any) -> None:
                super().__init__(config)
                self.layers = torch.nn.ModuleList([Mixer(), Mixer()])

            @capturing.capture_outputs
            def forward(self, input_ids: Any = None, attention_mask: Any = None, **kwargs: Any) -> Any:
                states = self.embed_tokens(input_ids)
                for layer in self.layers:
                    states = layer(states)[0]
                return super().forward(inputs_embeds=states)

        setattr(model, model.base_model_prefix, Collecting(model.config).eval())
        torch.manual_seed(0)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        answers.append(model(torch.tensor([[5, 6, 7], [4, 9, 3]]), return_dict=return_dict, **flags))
    ours, theirs = answers
    if return_dict is None:
        assert list(ours) == list(theirs)
        ours, theirs = ours.to_tuple(), theirs.to_tuple()
    assert len(ours) == len(theirs) == 1 + len(flags)
    torch.testing.assert_close(ours, theirs)
