"""T5Gemma's classifiers whose decoder reads the text behind the encoder: the place of a text's label follows the padding."""

import pytest
import torch
import transformers
from kit.families import cases, close, tokens

import bestiary
from bestiary.core.errors import InputError

TASKS = ("SequenceClassification", "TokenClassification")


@pytest.mark.parametrize("task", TASKS)
def test_a_decoder_that_reads_the_text_too(task, tmp_path) -> None:
    torch.manual_seed(0)
    name = f"T5GemmaFor{task}"
    config = transformers.T5GemmaConfig(**cases()["t5gemma"].config)
    reference = getattr(transformers, name)(config).eval()
    reference.set_attn_implementation("eager")
    reference.save_pretrained(tmp_path)
    ours = getattr(bestiary, name).from_pretrained(tmp_path)
    inputs = tokens()
    count = inputs["input_ids"].shape[: 1 if task.startswith("Sequence") else 2]
    inputs["labels"] = torch.randint(0, 3, count)
    recorded = {"output_hidden_states": True, "output_attentions": True}
    expected, output = reference(**inputs, **recorded), ours(**inputs, **recorded)
    assert list(output) == list(expected)
    real = inputs["attention_mask"].bool()
    for field, value in expected.items():
        close(output[field], value, field, real)
    with pytest.raises(InputError, match="pass decoder_input_ids"):
        ours(inputs_embeds=torch.zeros(1, 2, 32))


def test_a_classifier_of_a_file_without_its_decoder(tmp_path) -> None:
    bestiary.T5GemmaModel(bestiary.T5GemmaConfig(**cases()["t5gemma"].config)).save_pretrained(tmp_path)
    model = bestiary.T5GemmaEncoderModel.from_pretrained(tmp_path)
    whole = bestiary.T5GemmaModel.from_pretrained(tmp_path)
    ids = tokens()["input_ids"]
    close(model(ids).last_hidden_state, whole.encoder(ids).last_hidden_state)
