"""Texts behind each other in one row, whose positions begin anew, see each other only where they do in the reference."""

import inspect
from typing import Any

import pytest
import torch
from kit.families import (
    Pair,
    Row,
    close,
    each,
    every_head,
    every_row,
    generating_heads,
    kernel_of,
    one_each,
    our_class,
    pair,
)

from bestiary import DynamicCache
from bestiary.core.errors import ArgumentError, InputError
from bestiary.modeling.packing import why_texts_cannot_share_rows
from bestiary.nn import by_text
from bestiary.training.losses import shifts_labels

CHUNKS = ("llama4_text", "Llama4ForCausalLM", "")
BOTH_WAYS = [("gemma3_text", "Gemma3ForCausalLM", "both_ways"), ("gemma4_text", "Gemma4ForCausalLM", "both_ways")]
KERNELS = ("sdpa", "eager", "flex_attention")


@each([*one_each(generating_heads()), *BOTH_WAYS])
@torch.no_grad()
def test_packed_texts_see_what_they_see_in_the_reference(models: Pair) -> None:
    prefix = "decoder_" if "decoder_input_ids" in models.inputs else ""
    ids_name, mask_name, positions_name = f"{prefix}input_ids", f"{prefix}attention_mask", f"{prefix}position_ids"
    if positions_name not in inspect.signature(models.reference.forward).parameters:
        pytest.skip("this family takes no positions")
    torch.manual_seed(0)
    ids = torch.randint(5, 90, models.inputs[ids_name].shape)
    rows, length = ids.shape
    positions = torch.arange(length).repeat(rows, 1)
    positions[0, 3:] -= 3
    positions[1, -2:] = torch.arange(2)
    positions += models.case.first_position
    packed = {**models.inputs, ids_name: ids, positions_name: positions, "use_cache": False}
    packed.pop(mask_name, None)
    expected = models.reference(**packed).logits
    for kernel in [name for name in KERNELS if name in models.ours.kernels]:
        with kernel_of(models.ours, kernel):
            close(models.ours(**packed).logits, expected, kernel)
    for others in ({mask_name: torch.ones_like(ids)}, {"use_cache": True}):  # either says that a row is one text
        inputs = {**packed, **others}
        close(models.ours(**inputs).logits, models.reference(**inputs).logits, str(list(others)))


@each([("llama", "LlamaForCausalLM", ""), ("mistral", "MistralForCausalLM", ""), CHUNKS])
@torch.no_grad()
def test_a_packed_text_equals_the_text_alone_also_where_no_value_is_known(models: Pair) -> None:
    torch.manual_seed(0)
    ids, positions = torch.randint(5, 90, (1, 12)), torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8]])
    alone = models.ours(ids[:, 3:], use_cache=False).logits
    compiled = torch.compile(models.ours, backend="eager", fullgraph=True)
    for model in (models.ours, compiled):
        close(model(ids, position_ids=positions, use_cache=False).logits[:, 3:], alone)
    one = torch.arange(12)[None]
    close(compiled(ids, position_ids=one, use_cache=False).logits, models.ours(ids, use_cache=False).logits)


def test_gradients_stay_within_a_text() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    embeds = torch.randn(1, 6, model.config.hidden_size, requires_grad=True)
    model.train()
    try:
        output = model(inputs_embeds=embeds, position_ids=torch.tensor([[0, 1, 2, 0, 1, 2]]), use_cache=False)
        (gradient,) = torch.autograd.grad(output.logits[0, 3:].sum(), embeds)
    finally:
        model.eval()
    assert gradient[0, :3].abs().max() == 0 < gradient[0, 3:].abs().min()


LENGTHS = (7, 1, 4, 9)


def packed_row(models: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    size = min(90, models.ours.text_config().get("vocab_size") or 90)
    ids = torch.randint(5, size, (1, sum(LENGTHS)))
    return ids, torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))[None]


def reads_text(row: Row) -> bool:
    ours = our_class(row[0], row[1])
    return bool(ours.main_input_name == "input_ids")


def refused(models: Pair, ids: torch.Tensor, numbers: torch.Tensor) -> bool:
    """Whether the model says by name that it needs a row for each text, in a call and before one."""
    why = why_texts_cannot_share_rows(models.ours)
    if why:
        with pytest.raises(ArgumentError, match=f"{type(models.ours).__name__} cannot keep several texts of a row apart"):
            models.ours(input_ids=ids, seq_idx=numbers)
    return bool(why)


def first(output: Any) -> torch.Tensor:
    return output.logits if "logits" in output else output[0]


@each([row for row in every_row() if reads_text(row)])
@torch.no_grad()
def test_texts_of_a_row_are_what_they_are_alone_or_refused(models: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, numbers = packed_row(models)
    if "pixel_values" in models.inputs or refused(models, ids, numbers):
        return
    alone = torch.cat([first(models.ours(input_ids=text)) for text in ids.split(LENGTHS, dim=1)], dim=1)
    for kernel in [name for name in KERNELS if name in models.ours.kernels]:
        with kernel_of(models.ours, kernel):
            for start in (0, 10**9):  # each text by itself; all in one
                monkeypatch.setattr(by_text, "SCORES_OF_A_START", start)
                close(first(models.ours(input_ids=ids, seq_idx=numbers)), alone, f"{kernel}, {start}")


@each([row for row in every_head() if row[1].endswith(("CausalLM", "LMHeadModel", "MaskedLM", "TokenClassification"))])
def test_loss_and_gradient_of_a_packed_row_are_the_sums_over_its_texts(models: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, numbers = packed_row(models)
    if refused(models, ids, numbers):
        return
    parameters = [each for each in models.ours.parameters() if each.requires_grad]
    labels = ids % models.ours.config.num_labels if models.name.endswith("TokenClassification") else ids
    shifted = int(shifts_labels(models.ours))

    def gradients(loss: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = zip(parameters, found, strict=True)
        return torch.cat([(torch.zeros_like(one) if grad is None else grad).flatten() for one, grad in pairs])

    total, expected = torch.zeros(()), torch.zeros(sum(each.numel() for each in parameters))
    for text, wanted in zip(ids.split(LENGTHS, dim=1), labels.split(LENGTHS, dim=1), strict=True):
        if text.shape[1] > shifted:
            loss = models.ours(input_ids=text, labels=wanted, **without_cache(models)).loss * (text.shape[1] - shifted)
            total, expected = total + loss.detach(), expected + gradients(loss)
    count = sum(LENGTHS) - shifted * len(LENGTHS)
    for kernel in [name for name in ("sdpa", "eager") if name in models.ours.kernels]:
        with kernel_of(models.ours, kernel):
            for start in (0, 10**9):
                monkeypatch.setattr(by_text, "SCORES_OF_A_START", start)
                loss = models.ours(input_ids=ids, seq_idx=numbers, labels=labels).loss
                close(loss * count, total, f"loss, {kernel}, {start}")
                close(gradients(loss * count), expected, f"gradient, {kernel}, {start}", rtol=1e-5, atol=2e-5)


def without_cache(models: Pair) -> dict[str, bool]:
    return {"use_cache": False} if "use_cache" in inspect.signature(models.ours.forward).parameters else {}


@torch.no_grad()
def test_the_ways_to_say_where_texts_begin() -> None:
    model = pair("gpt2", "GPT2LMHeadModel").ours
    ids = torch.randint(5, 90, (1, 9))
    alone = torch.cat([model(text).logits for text in ids.split((4, 5), dim=1)], dim=1)
    begins = torch.tensor([0, 4, 9], dtype=torch.int32)
    for told in (
        {"seq_idx": torch.tensor([[3, 3, 3, 3, 1, 1, 1, 1, 1]])},
        {"cu_seq_lens_q": begins, "cu_seq_lens_k": begins, "max_length_q": 5, "max_length_k": 5},
        {"cu_seq_lens_q": begins, "position_ids": torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4]])},
        {"seq_idx": torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 1]]), "attention_mask": torch.ones_like(ids), "use_cache": True},
    ):
        output = model(ids, **told)
        close(output.logits, alone, str(list(told)))
        assert output.past_key_values is None
    rows = torch.cat((ids, ids.flip(1)))
    both = model(rows, seq_idx=torch.tensor([[0] * 4 + [1] * 5, [0] * 2 + [1] * 7])).logits
    close(both[:1], alone)
    close(both[1:], torch.cat([model(text).logits for text in rows[1:].split((2, 7), dim=1)], dim=1))
    longer = torch.randint(5, 90, (1, 3 * model.config.max_position_embeddings // 2))
    numbers = torch.arange(longer.shape[1])[None] // 6
    close(model(longer, seq_idx=numbers).logits[:, 6:12], model(longer[:, 6:12]).logits)


def test_what_tells_nothing_of_texts_is_refused() -> None:
    model = pair("gpt2", "GPT2LMHeadModel").ours
    ids = torch.randint(5, 90, (1, 9))
    with pytest.raises(InputError, match=r"seq_idx has shape \(1, 4\)"):
        model(ids, seq_idx=torch.zeros(1, 4, dtype=torch.long))
    with pytest.raises(InputError, match="rising from 0 to 9"):
        model(ids, cu_seq_lens_q=torch.tensor([0, 4, 8]))
    for begins in (torch.tensor([], dtype=torch.long), torch.tensor([9]), torch.tensor(9)):
        with pytest.raises(InputError, match="rising from 0 to 9"):
            model(ids, cu_seq_lens_q=begins)
    first, second = torch.tensor([0, 4, 9]), torch.tensor([0, 5, 9])
    with pytest.raises(InputError, match="cu_seq_lens_q and cu_seq_lens_k tell of different texts"):
        model(ids, cu_seq_lens_q=first, cu_seq_lens_k=second)
    numbers = torch.tensor([[2, 2, 2, 2, 7, 7, 7, 7, 7]])
    with pytest.raises(InputError, match="seq_idx and cu_seq_lens_q tell of different texts"):
        model(ids, seq_idx=numbers, cu_seq_lens_q=second)
    model(ids, seq_idx=numbers, cu_seq_lens_q=first, cu_seq_lens_k=first.int())
    with pytest.raises(ArgumentError, match="past_key_values"):
        model(ids, seq_idx=torch.zeros(1, 9, dtype=torch.long), past_key_values=DynamicCache())
