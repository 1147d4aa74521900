"""What the published library computes is computed, with one warning where it is doubtful (docs/decisions, 2026-11-29)."""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close, pair
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import bestiary
from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.models.mamba import MambaConfig, MambaModel

IDS = torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]])
REAL = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
READERS = [
    ("bert", "BertForMaskedLM"),
    ("roberta", "RobertaForMaskedLM"),
    ("gpt2", "GPT2LMHeadModel"),
    ("llama", "LlamaForCausalLM"),
    ("mixtral", "MixtralForCausalLM"),
    ("mamba", "MambaForCausalLM"),
    ("t5", "T5ForConditionalGeneration"),
    ("bart", "BartForConditionalGeneration"),
]


def compare(models: Any, code: str, real: Tensor | None = None, **inputs: Any) -> None:
    """Both models on `inputs`, and ours warning of `code` once in two calls."""
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=rf"\[{code}\]"), torch.no_grad():
        ours = models.ours(**inputs)
    with torch.no_grad():
        models.ours(**inputs)  # an error if it warned again
        reference = models.reference(**inputs)
    close(ours.to_tuple()[0], reference.to_tuple()[0], real=real)


@pytest.mark.parametrize("name", READERS, ids=lambda name: name[0])
def test_padding_without_a_mask_is_attended_to(name: tuple[str, str]) -> None:
    models = pair(*name)
    ids = IDS.masked_fill(REAL == 0, models.ours.config.pad_token_id)
    decoder = {"decoder_input_ids": IDS[:, :3]} if models.ours.config.is_encoder_decoder else {}
    compare(models, "padding-unmasked", input_ids=ids, **decoder)


@pytest.mark.parametrize("numbers", [REAL * 2, REAL * 0.5, -REAL], ids=["twos", "halves", "below zero"])
@pytest.mark.parametrize("name", READERS, ids=lambda name: name[0])
def test_any_number_but_0_in_a_mask_says_that_a_token_is_real(name: tuple[str, str], numbers: Tensor) -> None:
    models = pair(*name)
    decoder = {"decoder_input_ids": IDS[:, :3]} if models.ours.config.is_encoder_decoder else {}
    compare(models, "mask-numbers", None if decoder else REAL.bool(), input_ids=IDS, attention_mask=numbers, **decoder)


@pytest.mark.parametrize(
    "mask",
    [
        [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]],
        [[1, 0, 1, 1, 1], [1, 1, 1, 0, 1]],
        [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0]],
        [[0] * 5, [1] * 5],
    ],
    ids=["left", "holes", "right", "empty"],
)
@pytest.mark.parametrize("number", [1, 3, 1.0, True])
@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_a_prompt_with_an_odd_mask_is_continued(mask: list[list[int]], number: Any) -> None:
    models = pair("llama", "LlamaForCausalLM")
    attention_mask = torch.tensor(mask).to(torch.tensor(number).dtype) * number
    options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    models.reference.set_attn_implementation("sdpa")  # the two kernels differ in rows without any key
    try:
        expected = models.reference.generate(IDS, attention_mask=attention_mask, **options)
    finally:
        models.reference.set_attn_implementation("eager")
    assert torch.equal(models.ours.generate(IDS, attention_mask=attention_mask, **{**options, "eos_token_id": []}), expected)


def test_positions_may_be_any_numbers_where_they_rotate() -> None:
    models = pair("llama", "LlamaForCausalLM")
    for positions in (torch.arange(5)[None] - 3, torch.arange(5.0)[None] / 2):
        with torch.no_grad():
            close(models.ours(IDS, position_ids=positions).logits, models.reference(IDS, position_ids=positions).logits)


def test_slots_are_counted_by_the_cache() -> None:
    compare(pair("llama", "LlamaForCausalLM"), "cache-position", input_ids=IDS, cache_position=torch.arange(5) + 3)


def test_an_encoder_fills_a_cache_and_leaves_other_states_out() -> None:
    models = pair("bert", "BertModel")
    with torch.no_grad():
        expected = models.reference(IDS)[0]
        forget_warnings()
        with pytest.warns(BestiaryWarning, match=r"\[bidirectional\]"):
            close(models.ours(IDS, encoder_hidden_states=torch.randn(2, 3, 32))[0], expected)
        cache = bestiary.DynamicCache()
        close(models.ours(IDS, past_key_values=cache)[0], expected)
        assert cache.get_seq_length() == 5


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_a_text_that_looks_both_ways_is_continued() -> None:
    config = pair("bert", "BertForMaskedLM").reference.config
    torch.manual_seed(0)
    reference = transformers.BertLMHeadModel(copy.deepcopy(config)).eval()
    ours = bestiary.BertLMHeadModel(bestiary.BertConfig(**config.to_dict())).eval()
    ours.load_state_dict(reference.state_dict())
    assert torch.equal(ours.generate(IDS, max_new_tokens=4), reference.generate(IDS, max_new_tokens=4))


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_a_source_of_t5_that_is_hidden_whole() -> None:
    models = pair("t5", "T5ForConditionalGeneration")
    inputs = {"input_ids": IDS, "attention_mask": torch.tensor([[0] * 5, [1] * 5]), "decoder_input_ids": IDS[:, :3]}
    with torch.no_grad():
        close(models.ours(**inputs).logits, models.reference(**inputs).logits)


def test_whole_pixels() -> None:
    models = pair("vit", "ViTModel")
    size = models.ours.config.image_size
    compare(models, "whole-pixels", pixel_values=torch.randint(0, 255, (2, 3, size, size), dtype=torch.uint8))


@pytest.mark.parametrize("name", [("t5", "T5ForSequenceClassification"), ("bart", "BartForSequenceClassification")])
def test_an_end_token_behind_the_mask_is_still_the_end(name: tuple[str, str]) -> None:
    models = pair(*name)
    ids = IDS.clone()
    ids[:, -1] = models.ours.config.eos_token_id
    compare(models, "end-token-hidden", input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 1, 0]] * 2))


def test_factors_of_llama3_in_the_wrong_order() -> None:
    parameters = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 1.0}
    parameters |= {"original_max_position_embeddings": 32, "rope_theta": 10000.0}
    values = {**pair("llama", "LlamaModel").reference.config.to_dict(), "rope_parameters": parameters}
    torch.manual_seed(0)
    reference = transformers.LlamaModel(transformers.LlamaConfig(**values)).eval()
    with pytest.warns(BestiaryWarning, match=r"\[llama3-factors\]"):
        ours = bestiary.LlamaModel(bestiary.LlamaConfig(**values)).eval()
    ours.load_state_dict(reference.state_dict())
    with torch.no_grad():
        close(ours(IDS)[0], reference(IDS)[0])


# opening -------------------------------------------------------------------------------------------------------------


def changed(source: Path, target: Path, config: dict[str, Any] | None = None, add: dict[str, Tensor] | None = None) -> Path:
    """A copy of a checkpoint with another config, or with more tensors."""
    tensors = load_file(source / "model.safetensors")
    save_file({**tensors, **(add or {})}, target / "model.safetensors", metadata={"format": "pt"})
    values = json.loads((source / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**values, **(config or {})}))
    return target


def test_a_relative_is_opened_as_what_the_caller_says(tmp_path: Path) -> None:
    models = pair("llama", "LlamaForCausalLM")
    changed(models.folder, tmp_path, {"model_type": "mistral"})
    with pytest.warns(BestiaryWarning, match=r"is for model_type 'llama'; this checkpoint is of 'mistral'"):
        model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path)
    assert model.config.model_type == "llama"
    with torch.no_grad():
        close(model(IDS).logits, models.reference(IDS).logits)


def test_layers_beyond_those_of_the_config_are_left_aside(tmp_path: Path) -> None:
    models = pair("llama", "LlamaForCausalLM")
    changed(models.folder, tmp_path, {"num_hidden_layers": 1})
    with pytest.warns(BestiaryWarning, match=r"in the file, not used: model\.layers\.1\."):
        model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        close(model(IDS).logits, transformers.LlamaForCausalLM.from_pretrained(tmp_path)(IDS).logits)


@pytest.mark.parametrize(("name", "part"), [("BertModel", "pooler"), ("RobertaModel", "pooler"), ("ViTModel", "pooler")])
def test_a_part_that_the_constructor_can_leave_out_may_be_missing(name: str, part: str, tmp_path: Path) -> None:
    folder = pair(name.removesuffix("Model").lower(), name).folder
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {key: value for key, value in tensors.items() if part not in key}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.warns(BestiaryWarning, match=f"new, to be trained: {part}"):
        model = getattr(bestiary, name).from_pretrained(tmp_path)
    assert model.pooler.dense.weight.isfinite().all()


def test_everything_may_be_missing_where_the_caller_says_so(tmp_path: Path) -> None:
    folder = pair("llama", "LlamaForCausalLM").folder
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.warns(BestiaryWarning, match=r"new, to be trained: model\.layers\.1\.mlp\.up_proj\.weight"):
        bestiary.LlamaForCausalLM.from_pretrained(tmp_path, allow_missing=True)


def test_keywords_that_change_nothing() -> None:
    folder = pair("llama", "LlamaForCausalLM").folder
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bestiary.LlamaForCausalLM.from_pretrained(folder, low_cpu_mem_usage=False, device_map="cpu", weights_only=False)
    for keywords in ({}, {"device_map": "cpu"}):
        forget_warnings()
        with pytest.warns(BestiaryWarning, match=r"\[max-memory\]"):
            bestiary.LlamaForCausalLM.from_pretrained(folder, max_memory={"cpu": "1GB"}, **keywords)


def test_keywords_of_an_upload_that_does_not_happen(tmp_path: Path) -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.warns(BestiaryWarning, match="token, commit_message of save_pretrained say how to upload"):
        model.save_pretrained(tmp_path, token="secret", commit_message="none")
    with pytest.raises(TypeError, match="takes no argument 'max_shardsize'"):
        model.save_pretrained(tmp_path, max_shardsize=1)


# models of one's own ---------------------------------------------------------------------------------------------------


class OwnConfig(bestiary.PreTrainedConfig):
    model_type = "own"

    def __init__(self, width: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width


class OwnModel(bestiary.PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config: OwnConfig) -> None:
        super().__init__(config)
        self.linear = nn.Linear(config.width, 2)
        self.post_init()

    def forward(self, values: Tensor, flags: Tensor | None = None) -> Tensor:
        output: Tensor = self.linear(values) if flags is None else self.linear(values) * flags
        return output


class OwnReader(OwnModel):
    def forward(self, input_ids: Tensor, labels: Any = None, attention_mask: Tensor | None = None) -> Tensor:
        output: Tensor = self.linear(input_ids)
        return output


class OwnTokens(OwnModel):
    """Has a vocabulary, and reads something else first."""

    def forward(self, values: Tensor, input_ids: Tensor | None = None) -> Tensor:
        output: Tensor = self.linear(values)
        return output


def test_a_model_of_ones_own_takes_what_its_forward_takes(tmp_path: Path) -> None:
    model = OwnModel(OwnConfig())
    model.save_pretrained(tmp_path)
    again = OwnModel.from_pretrained(tmp_path).eval()
    values = torch.randn(3, 4)
    expected = torch.nn.functional.linear(values, model.linear.weight, model.linear.bias)
    assert torch.equal(again(values), expected)
    assert torch.equal(again(values=values, flags=torch.full((3, 1), 2.0)), expected * 2)
    assert torch.equal(again(values[0], torch.zeros(1)), torch.zeros(2))
    reader = OwnReader.from_pretrained(tmp_path)
    for mask in (None, torch.ones(3) / 2, [1, 1]):
        assert torch.equal(reader(values, "labels", mask), expected)
    other = OwnTokens(OwnConfig(vocab_size=9))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(values), expected)
    with pytest.raises(InputError, match="vocabulary of 9"):
        other(values, torch.tensor([[8, 9]]))


# generating and training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"min_new_tokens": 9, "max_new_tokens": 4}, {"min_length": 50, "max_new_tokens": 4}])
@pytest.mark.filterwarnings("ignore:Unfeasible length constraints")  # the reference's words for it
def test_a_least_length_beyond_the_greatest(options: dict[str, int]) -> None:
    models = pair("llama", "LlamaForCausalLM")
    with pytest.warns(BestiaryWarning, match="asks for more than the"):
        ours = models.ours.generate(IDS, **options, do_sample=False)
    assert torch.equal(ours, models.reference.generate(IDS, **options, do_sample=False))


def test_recomputing_fills_no_cache() -> None:
    model = copy.deepcopy(pair("llama", "LlamaForCausalLM").ours).train()
    expected = model(IDS, labels=IDS, use_cache=False).loss
    model.gradient_checkpointing_enable()
    with pytest.warns(BestiaryWarning, match="fills no cache"):
        output = model(IDS, labels=IDS, use_cache=True)
    assert output.past_key_values is None
    torch.testing.assert_close(output.loss, expected)
    cache = model.eval()(IDS, use_cache=True).past_key_values
    with pytest.raises(TypeError, match="cannot continue a cache"):
        model.train()(IDS, past_key_values=cache)


@pytest.mark.parametrize("numbers", [[[1, 0.5, 0, 1, 1], [1, 1, 1, 1, -2]], [[3, 3, 0, 3, 3], [1, 1, 1, 1, 0]]])
def test_mamba_multiplies_by_the_numbers_of_its_mask(numbers: list[list[float]]) -> None:
    compare(pair("mamba", "MambaModel"), "mask-numbers", input_ids=IDS, attention_mask=torch.tensor(numbers))


@pytest.mark.parametrize("whole", [True, False])
def test_mambas_padding_shows_in_no_row_that_has_biases(whole: bool) -> None:
    """A mask of 0 and 1, of whole numbers or not: the row alone is the row beside a longer one."""
    model = MambaModel(MambaConfig(vocab_size=20, hidden_size=16, state_size=4, num_hidden_layers=2, use_bias=True)).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("proj.bias"):
            torch.nn.init.normal_(parameter)
    left = REAL.flip(1)
    with torch.no_grad():
        batch = model(IDS, attention_mask=left if whole else left.float()).last_hidden_state
        for row, real in enumerate(left.bool()):
            close(batch[row][real], model(IDS[row][real][None]).last_hidden_state[0])


@pytest.mark.parametrize("name", [("mistral", "MistralModel"), ("mamba", "MambaForCausalLM")], ids=lambda name: name[0])
def test_segments_for_a_model_without_them_have_no_effect(name: tuple[str, str]) -> None:
    compare(pair(*name), "no-segments", input_ids=IDS, token_type_ids=torch.ones_like(IDS))
