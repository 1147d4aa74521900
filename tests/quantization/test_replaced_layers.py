"""Which layers are in few bits: those of the published library, family by family."""

from pathlib import Path

import pytest
import torch
from kit.families import pair

from bestiary import BitsAndBytesConfig
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.methods import METHODS

bits = pytest.importorskip("bitsandbytes")
transformers = pytest.importorskip("transformers")

FAMILIES = {
    "llama": "LlamaForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "mixtral": "MixtralForCausalLM",
    "bert": "BertForMaskedLM",
    "t5": "T5ForConditionalGeneration",
    "bart": "BartForConditionalGeneration",
    "opt": "OPTForCausalLM",
    "phi": "PhiForCausalLM",
    "bloom": "BloomForCausalLM",
    "clip": "CLIPModel",
    "whisper": "WhisperForConditionalGeneration",
    "qwen2_moe": "Qwen2MoeForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "mamba": "MambaForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gptj": "GPTJForCausalLM",
    "olmoe": "OlmoeForCausalLM",
    "roberta": "RobertaForMaskedLM",
    "granitemoe": "GraniteMoeForCausalLM",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("skipped", [None, []], ids=["usual", "none"])
def test_the_same_layers(family: str, skipped: list[str] | None) -> None:
    models = pair(family, FAMILIES[family])
    settings = {"load_in_8bit": True, "llm_int8_skip_modules": skipped}
    theirs = getattr(transformers, FAMILIES[family]).from_pretrained(
        models.folder, quantization_config=transformers.BitsAndBytesConfig(**settings)
    )
    ours = type(models.ours).from_pretrained(models.folder, quantization_config=BitsAndBytesConfig(**settings))
    expected = {path for path, module in theirs.named_modules() if isinstance(module, bits.nn.Linear8bitLt)}
    found = {path for path, module in ours.named_modules() if isinstance(module, QuantizedLinear)}
    assert {path for path in found if not path.rpartition(".")[2].isdigit()} == expected


def test_a_method_of_a_user(tmp_path: Path) -> None:
    from bestiary.compat import quantizers
    from bestiary.quantization.config import QuantizationConfigMixin

    seen = []

    class Settings(QuantizationConfigMixin):
        quant_method = "mine"  # type: ignore[assignment]

        def to_dict(self) -> dict[str, str]:
            return {"quant_method": "mine"}

    class Method(quantizers.HfQuantizer):
        def _process_model_before_weight_loading(self, model: torch.nn.Module, **kwargs: object) -> torch.nn.Module:
            seen.append("before")
            return model

        def _process_model_after_weight_loading(self, model: torch.nn.Module, **kwargs: object) -> torch.nn.Module:
            seen.append("after")
            return model

    try:
        quantizers.register_quantization_config("mine")(Settings)
        quantizers.register_quantizer("mine")(Method)
        assert quantizers.AutoHfQuantizer.supports_quant_method({"quant_method": "mine"})
        models = pair("llama", "LlamaForCausalLM")
        model = type(models.ours).from_pretrained(models.folder, quantization_config=Settings())
        assert seen == ["before", "after"]
        assert isinstance(model.hf_quantizer, Method)
        with pytest.raises(ValueError, match="already"):
            quantizers.register_quantizer("mine")(Method)
    finally:
        METHODS.pop("mine", None)
        quantizers._CONFIGS.pop("mine", None)
