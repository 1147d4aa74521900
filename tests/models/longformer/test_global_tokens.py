"""Which tokens are global where the caller does not say it: as published, for each task."""

import pytest
import torch
import transformers
from kit.families import close

import bestiary
from bestiary.core.errors import InputError

TINY = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8,
    "attention_window": 4, "max_position_embeddings": 40, "num_labels": 2,
}  # fmt: skip
QUESTION = torch.tensor([[0, 7, 9, 2, 2, 11, 12, 13, 14, 15, 2], [0, 8, 2, 2, 21, 22, 23, 2, 1, 1, 1]])


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("LongformerForQuestionAnswering", QUESTION),
        ("LongformerForSequenceClassification", QUESTION),
        ("LongformerForTokenClassification", QUESTION),
        ("LongformerForMultipleChoice", torch.stack([QUESTION, QUESTION.flip(0)])),
    ],
)
@torch.no_grad()
def test_global_tokens_of_a_task(name: str, ids: torch.Tensor, tmp_path: object) -> None:
    torch.manual_seed(0)
    reference = getattr(transformers, name)(transformers.LongformerConfig(**TINY, initializer_range=0.4)).eval()
    reference.save_pretrained(tmp_path)
    ours = getattr(bestiary, name).from_pretrained(tmp_path)
    inputs = {"input_ids": ids, "attention_mask": (ids != 1).long(), "output_attentions": True}
    expected, output = reference(**inputs), ours(**inputs)
    assert output.keys() == list(expected.keys())
    for field in expected.keys():
        close(output[field], expected[field], field)


def test_a_question_without_an_end_is_told() -> None:
    model = bestiary.LongformerForQuestionAnswering(bestiary.LongformerConfig(**TINY))
    with pytest.raises(InputError, match="row 1 .* global_attention_mask"):
        model(torch.tensor([[0, 7, 2, 8], [0, 7, 9, 8]]))
