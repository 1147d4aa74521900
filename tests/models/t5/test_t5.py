"""T5 beyond the parity suite: padding, caches, the separate output layer of v1.1, 16-bit types, what a config says."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary.cache.encoder_decoder import EncoderDecoderCache
from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.cache.kinds.static import StaticCache
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.models import t5

SIZES: dict[str, Any] = {
    "vocab_size": 99,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 16,
    "decoder_start_token_id": 0,
}


def model(name: str = "T5ForConditionalGeneration", **values: Any) -> Any:
    torch.manual_seed(0)
    return getattr(t5, name)(t5.T5Config(**{**SIZES, **values})).eval()


@pytest.fixture(scope="module")
def lm() -> Any:
    return model()


ROWS = [[7, 8, 9, 10, 1], [11, 12, 1], [13, 14, 15, 16, 17, 18, 1]]
TARGETS = [[0, 21, 22, 23, 24], [0, 25, 26], [0, 27]]


def padded(rows: list[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    fill = [[0] * (width - len(row)) for row in rows]
    ids = [f + r if side == "left" else r + f for f, r in zip(fill, rows, strict=True)]
    ones = [[1] * len(row) for row in rows]
    mask = [f + o if side == "left" else o + f for f, o in zip(fill, ones, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


@pytest.mark.parametrize("kernel", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_of_both_halves_changes_nothing(lm: Any, side: str, kernel: str) -> None:
    lm.set_attn_implementation(kernel)
    ids, mask = padded(ROWS, side)
    targets, target_mask = padded(TARGETS, side)
    together = lm(ids, mask, targets, target_mask).logits
    for row, (source, target) in enumerate(zip(ROWS, TARGETS, strict=True)):
        alone = lm(torch.tensor([source]), decoder_input_ids=torch.tensor([target])).logits[0]
        torch.testing.assert_close(together[row][target_mask[row].bool()], alone, rtol=1e-5, atol=1e-5)
    lm.set_attn_implementation("sdpa")


@pytest.mark.parametrize("name", ["T5ForSequenceClassification", "T5ForQuestionAnswering"])
@torch.no_grad()
def test_left_padding_changes_nothing_where_the_decoder_reads_the_text(name: str) -> None:
    head = model(name)
    ids, mask = padded(ROWS, "left")
    together = head(ids, mask)
    for row, source in enumerate(ROWS):
        alone = head(torch.tensor([source]))
        ours, expected = (x.logits if "Sequence" in name else x.start_logits for x in (together, alone))
        real = ours[row] if "Sequence" in name else ours[row][mask[row].bool()]
        torch.testing.assert_close(real, expected[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: None, DynamicCache, lambda: StaticCache(max_cache_len=40)])
@pytest.mark.parametrize("chunk", [1, 3])
@torch.no_grad()
def test_cached_steps_equal_one_forward(lm: Any, make: Any, chunk: int) -> None:
    """Further than the last bucket, with a left-padded row in the decoder."""
    ids, mask = padded(ROWS, "right")
    targets = torch.randint(5, 99, (3, 20))
    target_mask = torch.ones_like(targets)
    target_mask[1, :4] = 0
    whole = lm(ids, mask, targets, target_mask).logits
    encoded, cache, parts = lm.get_encoder()(ids, mask), make(), []
    for start in range(0, 20, chunk):
        end = min(start + chunk, 20)
        output = lm(
            attention_mask=mask,
            decoder_input_ids=targets[:, start:end],
            decoder_attention_mask=target_mask[:, :end],
            encoder_outputs=encoded,
            past_key_values=cache,
            use_cache=True,
        )
        cache = output.past_key_values
        parts.append(output.logits)
    assert isinstance(cache, EncoderDecoderCache)
    assert cache.get_seq_length() == 20
    torch.testing.assert_close(torch.cat(parts, 1)[target_mask.bool()], whole[target_mask.bool()], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_encoder_outputs_may_come_in_any_form(lm: Any) -> None:
    ids = torch.tensor(ROWS[:1])
    encoded = lm.encoder(ids, output_hidden_states=True)
    expected = lm(ids, decoder_input_ids=ids)
    for given in (encoded, (encoded.last_hidden_state,), encoded.last_hidden_state, encoded.to_tuple()[:2]):
        output = lm(encoder_outputs=given, decoder_input_ids=ids)
        assert torch.equal(output.logits, expected.logits)
        assert torch.equal(output.encoder_last_hidden_state, encoded.last_hidden_state)
    assert len(lm(encoder_outputs=encoded, decoder_input_ids=ids).encoder_hidden_states) == 3


@pytest.mark.parametrize("values", [{"tie_word_embeddings": False}, {"scale_decoder_outputs": False}, {}], ids=str)
def test_an_output_layer_that_the_file_lacks_is_tied(tmp_path: Path, values: dict[str, bool]) -> None:
    """As the current release writes it: words tied in the config, decoder outputs not scaled, no output layer in the file."""
    torch.manual_seed(0)
    reference = transformers.T5ForConditionalGeneration(transformers.T5Config(**SIZES, **values)).eval()
    reference.save_pretrained(tmp_path / "theirs")
    ours = t5.T5ForConditionalGeneration.from_pretrained(tmp_path / "theirs")
    assert ours.lm_head.weight is ours.shared.weight
    ours.save_pretrained(tmp_path / "ours")
    ids = {"input_ids": torch.arange(5, 15)[None], "decoder_input_ids": torch.arange(3, 9)[None]}
    expected = reference(**ids).logits
    for model in (ours, *(kind.from_pretrained(tmp_path / "ours") for kind in (type(ours), type(reference)))):
        torch.testing.assert_close(model(**ids).logits, expected, rtol=1e-5, atol=1e-5)


def test_v1_1_keeps_its_own_output_layer_through_the_reference_and_back(tmp_path: Path) -> None:
    ours = model(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    assert ours.config.scale_decoder_outputs is False
    assert ours.lm_head.weight is not ours.shared.weight
    assert ours.encoder.embed_tokens.weight is ours.decoder.embed_tokens.weight is ours.shared.weight
    ours.save_pretrained(tmp_path / "ours")
    reference = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path / "ours").eval()
    ids = torch.tensor(ROWS[:1])
    with torch.no_grad():
        expected = reference(ids, decoder_input_ids=ids).logits
        torch.testing.assert_close(ours(ids, decoder_input_ids=ids).logits, expected, rtol=1e-5, atol=1e-5)
    reference.save_pretrained(tmp_path / "reference")  # writes tie_word_embeddings: true beside an lm_head of its own
    again = t5.T5ForConditionalGeneration.from_pretrained(tmp_path / "reference")
    assert torch.equal(again.lm_head.weight, ours.lm_head.weight)


@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_resizing_keeps_old_logits(tied: bool) -> None:
    grown = model(tie_word_embeddings=tied)
    ids = torch.tensor(ROWS[:1])
    before = grown(ids, decoder_input_ids=ids).logits
    grown.resize_token_embeddings(120)
    after = grown(ids, decoder_input_ids=ids).logits
    assert after.shape[-1] == grown.config.vocab_size == 120
    torch.testing.assert_close(after[..., :99], before, rtol=1e-5, atol=1e-5)
    grown(torch.tensor([[119, 1]]), decoder_input_ids=torch.tensor([[0, 119]]))


def test_labels_make_the_decoder_input() -> None:
    lm = model(decoder_start_token_id=None)
    labels = torch.tensor([[5, 6, -100], [7, 8, 9]])
    shifted = lm.prepare_decoder_input_ids_from_labels(labels)
    assert shifted.tolist() == [[0, 5, 6], [0, 7, 8]]
    ids = torch.tensor([[5, 1], [6, 1]])
    given = lm(ids, decoder_input_ids=shifted, labels=labels)
    assert torch.equal(lm(ids, labels=labels).loss, given.loss)
    summed = lm(ids, labels=labels, num_items_in_batch=10).loss
    torch.testing.assert_close(summed, given.loss * 5 / 10)


@torch.no_grad()
def test_half_precision_keeps_wo_in_fp32_and_stays_finite(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    half = t5.T5ForConditionalGeneration.from_pretrained(tmp_path, dtype="float16")
    for name, parameter in half.named_parameters():
        assert parameter.dtype == (torch.float32 if ".wo." in name else torch.float16), name
    for block in (*half.encoder.block, *half.decoder.block):
        block.layer[-1].DenseReluDense.wo.weight.mul_(1e6)
    ids, mask = padded(ROWS, "left")
    assert half(ids, mask, ids, mask).logits.isfinite().all()


@torch.no_grad()
def test_states_beyond_fp16_are_held_back() -> None:
    half = model().half()
    half.encoder.block[0].layer[-1].DenseReluDense.wo.weight.fill_(6e4)
    hidden = half.encoder(torch.tensor(ROWS[:1]), output_hidden_states=True).hidden_states
    assert all(state.isfinite().all() for state in hidden)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decoder_input_ids": torch.tensor([[0, 5, 6]] * 3)},
        {"use_cache": False},
        {"cache_implementation": "static"},
        {"no_repeat_ngram_size": 2, "encoder_no_repeat_ngram_size": 2},
        {"do_sample": True, "top_k": 10},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_generates_the_references_tokens(tmp_path: Path, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    reference = transformers.T5ForConditionalGeneration(transformers.T5Config(**SIZES)).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    reference.save_pretrained(tmp_path)
    ours = t5.T5ForConditionalGeneration.from_pretrained(tmp_path)
    ids, mask = padded(ROWS, "right")
    found = []
    for lm in (reference, ours):
        torch.manual_seed(0)
        found.append(lm.generate(ids, attention_mask=mask, max_new_tokens=12, repetition_penalty=2.0, **options))
    assert torch.equal(found[1], found[0])
    assert len(set(found[1].flatten().tolist())) > 5


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    ids = torch.tensor(ROWS[:1])
    gradients = []
    for recompute in (False, True):
        lm = model(dropout_rate=0.0).train()
        if recompute:
            lm.gradient_checkpointing_enable()
        lm(ids, labels=ids).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in lm.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-7, msg=name)


def test_encoder_opens_a_full_checkpoint_without_a_warning(tmp_path: Path) -> None:
    full = model()
    full.save_pretrained(tmp_path)
    encoder = t5.T5EncoderModel.from_pretrained(tmp_path)
    ids = torch.tensor(ROWS[:1])
    assert torch.equal(encoder(ids).last_hidden_state, full.encoder(ids).last_hidden_state)


def test_dropout_only_in_training() -> None:
    lm = model(dropout_rate=0.5).train()
    ids = torch.tensor(ROWS[:1])
    assert not torch.equal(lm(ids, decoder_input_ids=ids).logits, lm(ids, decoder_input_ids=ids).logits)


@pytest.mark.parametrize(
    ("given", "name", "gated"), [("relu", "relu", False), ("gated-gelu", "gelu_new", True), ("gated-silu", "silu", True)]
)
def test_feed_forward_names(given: str, name: str, gated: bool) -> None:
    config = t5.T5Config(feed_forward_proj=given)
    assert (config.dense_act_fn, config.is_gated_act) == (name, gated)
    reference = transformers.T5Config(feed_forward_proj=given)
    assert (reference.dense_act_fn, reference.is_gated_act) == (name, gated)


def test_starting_values_have_the_references_deviations() -> None:
    sizes = {**SIZES, "d_model": 128, "d_kv": 32, "d_ff": 256, "vocab_size": 500, "relative_attention_num_buckets": 64}
    reference = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).state_dict()
    for name, tensor in t5.T5ForConditionalGeneration(t5.T5Config(**sizes)).state_dict().items():
        torch.testing.assert_close(tensor.std(), reference[name].std(), rtol=0.15, atol=1e-6, msg=name)


@pytest.mark.parametrize("given", ["a-b", "gated-", "-relu", "gated-rellu", "nothing"])
def test_unknown_feed_forward_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="feed_forward_proj"):
        t5.T5Config(feed_forward_proj=given)


def test_bad_calls_are_told(lm: Any) -> None:
    ids = torch.tensor([[5, 6]])
    with pytest.raises(InputError, match="row 0 .*end-of-sequence"):
        model("T5ForSequenceClassification")(ids)
    with pytest.raises(InputError, match="decoder_input_ids"):
        lm(ids)
    with pytest.raises(InputError, match="input_ids"):
        lm(decoder_input_ids=ids)
    with pytest.raises(InputError, match="vocabulary of 99"):
        lm(torch.tensor([[5, 99]]), decoder_input_ids=ids)
    with pytest.raises(InputError, match="pad_token_id"):
        model(pad_token_id=None)(ids, labels=ids)
    with pytest.raises(ArgumentError, match="flash_attention_2"):
        lm.set_attn_implementation("flash_attention_2")
