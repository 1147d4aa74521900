"""Question answering over padded batches: the published losses, which are taken over all places, those of padding too.

Both libraries are called as a training calls them, with tokens, mask and labels only: who counts positions differently behind
a text gets other scores there, and another loss.
"""

from typing import Any

import pytest
import torch
from kit.families import Pair, close, each, every_head, kernel_of

LENGTHS = (12, 9, 5)
# The search by beams is told what no answer may be in; ours takes it from the mask (docs/decisions, where we differ).
TOLD = {"XLMForQuestionAnswering", "XLNetForQuestionAnswering"}
# Tokens whose window holds padding only mix something else in the reference, whose padding is therefore short here.
SHORT = {"gpt_neo": (12, 9, 8)}
# Encoders of BERT's kind, whose positions begin at 0: they count what is hidden between tokens, too.
COUNT_HOLES = {"albert", "bert", "deberta_v2", "distilbert", "electra", "mobilebert", "roformer"}
ROWS = [row for row in every_head() if "ForQuestionAnswering" in row[1]]


def ragged(models: Pair) -> dict[str, Any]:
    """Texts of several lengths, padded on the right; with the tokens that end a text, and three times what ends a question."""
    config = models.ours.config.get_text_config()
    separator = config.declared("sep_token_id", None)
    lengths = SHORT.get(models.model_type, LENGTHS)
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(7, 90, (len(lengths), max(lengths)), generator=generator)
    mask = torch.ones_like(ids)
    for row, length in enumerate(lengths):
        if config.eos_token_id is not None:
            ids[row, length - 1] = config.eos_token_id
        if separator is not None:
            ids[row, [1, 2, length - 1]] = separator
        ids[row, length:], mask[row, length:] = config.pad_token_id or 0, 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
@each(ROWS)
@torch.no_grad()
def test_losses_and_scores_are_the_published_ones(models: Pair, kernel: str) -> None:
    """Losses and scores, padding's too, with the same kernel on both sides: in tokens that see none kernels differ."""
    if kernel not in models.ours.kernels:
        pytest.skip(f"our model has no kernel {kernel}")
    batch, spans = ragged(models), {"start_positions": torch.tensor([1, 0, 2]), "end_positions": torch.tensor([3, 8, 4])}
    told = {"p_mask": 1.0 - batch["attention_mask"]} if models.name in TOLD else {}
    before = models.reference.config._attn_implementation
    try:
        models.reference.set_attn_implementation(kernel)
    except ValueError:
        pytest.skip(f"the reference has no kernel {kernel}")
    try:
        expected = models.reference(**batch, **spans, **told)
        names = {name for name in ("start_logits", "end_logits") if name in expected}
        assert names or told, f"the reference returned {list(expected)}"
        with kernel_of(models.ours, kernel):
            output = models.ours(**batch, **spans)
        for name in ("loss", *sorted(names)):
            close(output[name], expected[name], name)
    finally:
        models.reference.set_attn_implementation(before)


@each([row for row in ROWS if row[0] in COUNT_HOLES])
@torch.no_grad()
def test_words_hidden_in_the_middle_of_a_text_keep_their_places(models: Pair) -> None:
    """As in explanations that leave out a word at a time: the others stand where they stood."""
    batch = ragged(models)
    batch["attention_mask"][0, 3:5] = batch["attention_mask"][1, 1] = 0
    expected, output = models.reference(**batch), models.ours(**batch)
    for name in ("start_logits", "end_logits"):
        close(output[name], expected[name], name)
