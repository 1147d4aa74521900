"""Models of every architecture, written as GGUF from ours, opened by both libraries: the weights and logits are the model's."""

import contextlib
import io

import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ArgumentError, ConfigError, CorruptFile, FileMissing, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.loading.gguf import architectures, positions, write
from bestiary.loading.gguf.kinds import MIXES
from bestiary.loading.gguf.metadata import metadata_of

pytestmark = pytest.mark.filterwarnings("ignore:.*lost-in-gguf")  # of Mistral's window

SIZES = {"vocab_size": 99, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
DECODER = {
    **SIZES,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
WIDE = {"head_dim": 32, "query_pre_attn_scalar": 256}
SHORT = {"vocab_size": 99, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}
T5 = {"vocab_size": 99, "d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
FALCON = {"vocab_size": 99, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
# name -> architecture, fields of the config, and why the reference cannot open the file or reads it otherwise
CASES = {
    "llama": ("Llama", DECODER, ""),
    "llama-biases": ("Llama", {**DECODER, "attention_bias": True, "tie_word_embeddings": True}, "it reads no biases"),
    "mistral": ("Mistral", {**DECODER, "head_dim": 16}, ""),
    "qwen2": ("Qwen2", DECODER, ""),
    "qwen3": ("Qwen3", {**DECODER, "head_dim": 32}, "it takes heads to be 128 wide"),
    "qwen2_moe": (
        "Qwen2Moe",
        {**DECODER, **EXPERTS, "shared_expert_intermediate_size": 48},
        "it does not read the sizes of experts",
    ),
    "qwen3_moe": ("Qwen3Moe", {**DECODER, **EXPERTS, "head_dim": 32, "norm_topk_prob": True}, "the same"),
    "mixtral": (
        "Mixtral",
        {**DECODER, "num_local_experts": 4, "num_experts_per_tok": 2},
        "it takes the file for a Llama",
    ),
    "minimax_m2": (
        "MiniMaxM2",
        {**DECODER, "head_dim": 32, "num_local_experts": 4, "num_experts_per_tok": 2, "rotary_dim": 16},
        "",
    ),
    "phi3": ("Phi3", {**DECODER, "sliding_window": 32}, ""),
    "stablelm": ("StableLm", DECODER, ""),
    "starcoder2": ("Starcoder2", DECODER, "without a tokenizer it does not know the vocabulary's size"),
    "nemotron": ("Nemotron", DECODER, ""),
    "gemma": ("Gemma", {**DECODER, "head_dim": 32}, "it does not read this architecture"),
    "gemma2": ("Gemma2", {**DECODER, **WIDE}, ""),
    "gemma3": ("Gemma3", {**DECODER, **WIDE}, ""),
    "gpt2": ("GPT2", {**SHORT, "n_embd": 64, "n_positions": 64}, "without a tokenizer it does not know the vocabulary's size"),
    "bloom": ("Bloom", {**SHORT, "hidden_size": 64}, ""),
    "falcon": ("Falcon", FALCON, ""),
    "falcon-groups": (
        "Falcon",
        {**FALCON, "num_kv_heads": 2, "new_decoder_architecture": True},
        "it leaves the heads as they lie",
    ),
    "mamba": ("Mamba", {**SIZES, "state_size": 8, "time_step_rank": 4}, ""),
    "lfm2": ("Lfm2", {**DECODER, "layer_types": ["conv", "full_attention"]}, "it needs a tokenizer in the file"),
    "t5": ("T5", T5, "it takes every feed-forward to be gated"),
    "umt5": ("UMT5", {**T5, "d_kv": 16}, "it takes the file for a T5"),
    "t5-gated": ("T5", {**T5, "feed_forward_proj": "gated-gelu"}, "it computes with ReLU in any"),
}
AS_THEY_LIE = [name for name, case in CASES.items() if not case[2]]


def original(name, folder):
    """A small model of the reference with random weights, in `folder`; the inputs of a call, and its logits."""
    kind, fields, _ = CASES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{'Gemma3Text' if kind == 'Gemma3' else kind}Config")(**fields)
    head = {"GPT2": "LMHeadModel"}.get(kind, "ForConditionalGeneration" if "T5" in kind else "ForCausalLM")
    model = getattr(transformers, kind + head)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    with contextlib.redirect_stderr(io.StringIO()):
        model.save_pretrained(folder)
    ids = torch.randint(3, 99, (2, 9), generator=torch.Generator().manual_seed(1))
    inputs = {"input_ids": ids, **({"decoder_input_ids": ids} if "T5" in kind else {})}
    return model, inputs


def opener(library, name):
    return library.AutoModelForSeq2SeqLM if "T5" in CASES[name][0] else library.AutoModelForCausalLM


def test_factors_of_llama_3_are_the_references():
    table = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, **LLAMA3}
    config = transformers.LlamaConfig(rope_parameters=table, hidden_size=512, num_attention_heads=4)
    scaled, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    usual = 1 / 500000.0 ** (torch.arange(0, 128, 2) / 128)
    assert torch.allclose(usual / scaled, torch.tensor(positions.llama3_factors(table, 128)), rtol=1e-5)


def test_factors_of_long_texts_come_back(tmp_path):
    factors = {"short_factor": [1.0 + index / 8 for index in range(8)], "long_factor": [2.0 + index for index in range(8)]}
    config = bestiary.Phi3Config(
        **{**DECODER, "max_position_embeddings": 128},
        original_max_position_embeddings=64,
        rope_parameters={"rope_type": "longrope", **factors},
    )
    torch.manual_seed(0)
    model = bestiary.Phi3ForCausalLM(config).eval()
    model.save_pretrained(tmp_path, format="gguf")
    opened = bestiary.Phi3ForCausalLM.from_pretrained(tmp_path / "model.gguf")
    for length in (20, 90):
        ids = {"input_ids": torch.arange(3, 3 + length)[None]}
        assert (logits(opened, ids) - logits(model, ids)).abs().max() < 1e-5


def logits(model, inputs):
    with torch.no_grad():
        return model(**inputs).logits


def written(name, folder, **how):
    """The reference's model, its inputs, and the folder of the GGUF file that ours made of it."""
    model, inputs = original(name, folder / "published")
    opener(bestiary, name).from_pretrained(folder / "published").save_pretrained(folder / "gguf", format="gguf", **how)
    return model, inputs, folder / "gguf"


@pytest.mark.parametrize("name", CASES)
def test_a_written_model_is_the_same_when_opened(name, tmp_path):
    model, inputs, folder = written(name, tmp_path)
    (folder / "config.json").unlink()
    ours = opener(bestiary, name).from_pretrained(folder, gguf_file="model.gguf")
    expected = model.state_dict()
    for key, value in ours.state_dict().items():
        assert torch.allclose(value, expected[key], rtol=0, atol=5e-7), key
    assert (logits(ours, inputs) - logits(model, inputs)).abs().max() < 1e-5
    assert ours.dtype == torch.float32


@pytest.mark.parametrize("name", AS_THEY_LIE)
def test_the_reference_opens_what_ours_writes(name, tmp_path):
    _, inputs, folder = written(name, tmp_path, quantization="Q8_0" if name in ("llama", "gemma2") else None)
    (folder / "config.json").unlink()
    with contextlib.redirect_stderr(io.StringIO()):
        theirs = opener(transformers, name).from_pretrained(folder, gguf_file="model.gguf").eval()
    ours = opener(bestiary, name).from_pretrained(folder, gguf_file="model.gguf")
    state = ours.state_dict()
    for key, value in theirs.state_dict().items():
        assert torch.allclose(value, state[key], rtol=0, atol=5e-7), key
    assert (logits(theirs, inputs) - logits(ours, inputs)).abs().max() < 1e-5


def test_a_path_a_folder_and_a_class_open_the_same(tmp_path):
    model, inputs, folder = written("llama", tmp_path)
    expected = logits(model, inputs)
    for opened in (
        bestiary.AutoModelForCausalLM.from_pretrained(folder / "model.gguf"),
        bestiary.AutoModelForCausalLM.from_pretrained(str(folder / "model.gguf")),
        bestiary.AutoModelForCausalLM.from_pretrained(folder),
        bestiary.LlamaForCausalLM.from_pretrained(folder, gguf_file="model.gguf"),
    ):
        assert (logits(opened, inputs) - expected).abs().max() < 1e-5
    backbone = bestiary.AutoModel.from_pretrained(folder / "model.gguf")
    assert torch.equal(backbone.norm.weight, model.model.norm.weight)
    config = bestiary.AutoConfig.from_pretrained(folder, gguf_file="model.gguf")
    assert (config.model_type, config.num_key_value_heads) == ("llama", 2)
    assert bestiary.LlamaConfig.from_pretrained(folder / "model.gguf").vocab_size == 99
    assert bestiary.AutoModelForCausalLM.from_pretrained(folder / "model.gguf", dtype="bfloat16").dtype == torch.bfloat16


LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
SCALINGS = [
    {"rope_type": "linear", "factor": 4.0},
    {"rope_type": "yarn", "factor": 4.0},
    {"rope_type": "llama3", "factor": 32.0, **LLAMA3},
    {"rope_type": "llama3", "factor": 8.0, **LLAMA3, "original_max_position_embeddings": 32},
]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaled_positions_come_back(scaling, tmp_path):
    rope = {"rope_theta": 5000.0, **scaling}
    if scaling["rope_type"] == "yarn":
        rope["original_max_position_embeddings"] = 16
    torch.manual_seed(0)
    model = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**DECODER, rope_parameters=rope)).eval()
    model.save_pretrained(tmp_path, format="gguf")
    opened = bestiary.LlamaForCausalLM.from_pretrained(tmp_path / "model.gguf")
    ids = {"input_ids": torch.arange(3, 40)[None]}
    assert (logits(opened, ids) - logits(model, ids)).abs().max() < 1e-5


@pytest.mark.parametrize("quantization", MIXES)
def test_every_quantization_is_near_the_model(quantization, tmp_path):
    torch.manual_seed(0)
    config = bestiary.LlamaConfig(**{**DECODER, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 8})
    model = bestiary.LlamaForCausalLM(config).eval()
    model.save_pretrained(tmp_path, format="gguf", quantization=quantization)
    opened = bestiary.LlamaForCausalLM.from_pretrained(tmp_path / "model.gguf")
    worst = {"F32": 0, "F16": 3e-4, "BF16": 3e-3, "Q8_0": 0.007, "Q6_K": 0.02, "Q5": 0.05, "Q4": 0.11}
    limit = next(value for key, value in worst.items() if quantization.startswith(key))
    for (key, value), other in zip(model.state_dict().items(), opened.state_dict().values(), strict=True):
        error = (value - other).norm() / value.norm()
        assert error <= (0 if key.endswith("norm.weight") else limit), key


def test_rows_that_are_no_blocks_get_another_type(tmp_path):
    from bestiary.core.gguf import read_header

    torch.manual_seed(0)
    model = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**{**DECODER, "hidden_size": 40, "num_attention_heads": 4}))
    model.save_pretrained(tmp_path, format="gguf", quantization="Q4_K_M")
    kinds = {name: entry.kind.name for name, entry in read_header(tmp_path / "model.gguf").tensors.items()}
    assert kinds["blk.0.attn_q.weight"] == "F16"  # rows of 40
    assert kinds["blk.0.ffn_down.weight"] in ("Q5_0", "Q8_0")  # rows of 96
    assert kinds["blk.0.attn_norm.weight"] == "F32"


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    model = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**DECODER))
    model.save_pretrained(tmp_path, format="gguf")
    before = (tmp_path / "model.gguf").read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_write_tensor", fail)
    with pytest.raises(bestiary.core.errors.SaveError):
        model.save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    assert (tmp_path / "model.gguf").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_what_cannot_be_written_is_refused_before_a_file_is(tmp_path):
    model = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**DECODER))
    with pytest.raises(ArgumentError, match="quantization is 'Q9'.*Files are written as F32"):
        model.save_pretrained(tmp_path, format="gguf", quantization="Q9")
    with pytest.raises(ArgumentError, match="format is 'gguff'"):
        model.save_pretrained(tmp_path, format="gguff")
    with pytest.raises(ArgumentError, match="quantization= is for files of other programs"):
        model.save_pretrained(tmp_path, quantization="Q8_0")
    with pytest.raises(ConfigError, match="models of type 'bert' cannot be written as GGUF"):
        bestiary.BertModel(bestiary.BertConfig(**SIZES)).save_pretrained(tmp_path, format="gguf")
    classifier = bestiary.LlamaForSequenceClassification(bestiary.LlamaConfig(**DECODER))
    with pytest.raises(ConfigError, match="no place for score.weight of LlamaForSequenceClassification"):
        classifier.save_pretrained(tmp_path, format="gguf")
    assert not list(tmp_path.glob("*.gguf"))


def test_what_cannot_be_opened_is_named(tmp_path):
    write.write(tmp_path / "odd.gguf", {"general.architecture": "lama"}, {}, lambda name: torch.empty(0))
    with pytest.raises(UnknownArchitecture, match=r"'lama', which is not read here. Did you mean 'llama'\?"):
        bestiary.AutoModelForCausalLM.from_pretrained(tmp_path / "odd.gguf")
    write.write(tmp_path / "none.gguf", {}, {}, lambda name: torch.empty(0))
    with pytest.raises(UnknownArchitecture, match="architecture ''"):
        bestiary.AutoConfig.from_pretrained(tmp_path, gguf_file="none.gguf")
    with pytest.raises(FileMissing, match="there is no absent.gguf in the folder"):
        bestiary.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="absent.gguf")
    with pytest.raises(ArgumentError, match="gguf_file is 3; expected the name of a file"):
        bestiary.AutoConfig.from_pretrained(tmp_path, gguf_file=3)
    (tmp_path / "damaged.gguf").write_bytes(b"nothing of the kind")
    with pytest.raises(CorruptFile, match="is no GGUF file"):
        bestiary.AutoConfig.from_pretrained(tmp_path, gguf_file="damaged.gguf")


def test_names_are_the_packages():
    import gguf

    numbers = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    # What the package's own converters rename before they ask it.
    apart = {("nemotron", "mlp.gate_proj"), ("gemma", "lm_head"), ("gemma2", "lm_head"), ("bloom", "word_embeddings_layernorm")}
    apart |= {("bloom", "post_attention_layernorm"), ("minimax-m2", "e_score_correction_bias")}
    for key, architecture in architectures.ARCHITECTURES.items():
        table = gguf.get_tensor_name_map(numbers[key], 4)
        for module, tensor in {**architecture.names, **architecture.whole}.items():
            if not any(key == name and module.endswith(end) for name, end in apart):
                assert table.get_name(module.replace("{n}.", "").replace("{}", "1")) == tensor.replace("{}", "1"), module


def test_what_a_file_has_no_place_for_is_told() -> None:
    forget_warnings()
    config = bestiary.MistralConfig(sliding_window=8)
    with pytest.warns(BestiaryWarning, match="sliding_window=8 has no place in a GGUF file of llama"):
        metadata_of(config)
