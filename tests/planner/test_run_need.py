"""What a call is said to take equals what lives in memory when it is made."""

from typing import Any

import pytest
import torch
from kit import checkpoints
from kit.live_tensors import LiveTensors

import bestiary
from bestiary.core.errors import CapacityError, InputError
from bestiary.loading.headers import LoadNeed
from bestiary.planner import run_need as run_need_file
from bestiary.planner.plan import MemoryPlan, plan_memory
from bestiary.planner.workload import Workload, usual_call

MODELS = {
    "llama": lambda: checkpoints.llama(hidden_size=64, intermediate_size=200),
    "gpt2": lambda: checkpoints.gpt2(),
    "t5": lambda: checkpoints.t5(),
}
CALLS = [Workload(1, 40, 3), Workload(3, 100, 20), Workload(2, 150, 106), Workload(2, 3, 1)]


def allocated(cache: Any) -> int:
    halves = (cache.self_attention_cache, cache.cross_attention_cache) if hasattr(cache, "cross_attention_cache") else (cache,)
    buffers = [buffer for half in halves for layer in half.layers for buffer in (layer.keys, layer.values)]
    return sum(buffer.untyped_storage().nbytes() for buffer in buffers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_a_call_is_as_forecast(name, dtype, monkeypatch):
    monkeypatch.setattr(run_need_file, "_unfilled", lambda cache: 0)  # allocated is what is counted here, filled or not
    folder = MODELS[name]()
    model = bestiary.AutoModelForSeq2SeqLM if name == "t5" else bestiary.AutoModelForCausalLM
    model = model.from_pretrained(folder, dtype=dtype)
    for call in CALLS:
        plan = plan_memory(folder, call, dtype=dtype)
        ids = torch.randint(3, 140, (call.batch, call.prompt))
        settings = {"max_new_tokens": call.new_tokens, "eos_token_id": None, "do_sample": False}
        with LiveTensors([*model.parameters(), *model.buffers()]) as live:
            output = model.generate(ids, attention_mask=torch.ones_like(ids), return_dict_in_generate=True, **settings)
        assert output.sequences.shape[1] == call.new_tokens + (1 if name == "t5" else call.prompt)
        assert plan.unknown == ""
        assert plan.load.weights == model.get_memory_footprint()
        assert plan.load.parameters == model.num_parameters()
        assert plan.run.cache == pytest.approx(allocated(output.past_key_values), rel=0.01)
        assert plan.run.total - plan.run.workspace == pytest.approx(live.bytes.most, rel=0.05)


def test_a_forward_has_no_cache_and_an_image_the_size_of_the_config():
    folder = checkpoints.bert("BertForMaskedLM")
    short, long = (plan_memory(folder, Workload(2, length, 1)).run for length in (30, 60))
    assert short.cache == 0
    assert long.logits == 2 * short.logits > 0
    assert 1.9 * short.activations < long.activations < 4 * short.activations
    image = bestiary.ViTConfig(image_size=32, patch_size=8, num_hidden_layers=2)
    one, two = (plan_memory(image, Workload(batch, 999, 1)) for batch in (1, 2))
    assert one.load.weights == two.load.weights == bestiary.ViTModel(image).get_memory_footprint()
    assert two.run.activations == pytest.approx(2 * one.run.activations, rel=0.01)


def test_a_long_call_is_followed_at_the_price_of_a_short_one():
    """The cache of 30,000 tokens without as many steps."""
    config = bestiary.LlamaConfig(vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                                  num_attention_heads=2, max_position_embeddings=40_000)  # fmt: skip
    run = plan_memory(config, Workload(1, 10, 30_000)).run
    assert run.cache_per_token * 30_009 <= run.cache < 1.05 * run.cache_per_token * 30_009


@pytest.mark.parametrize(("bits", "keyword"), [(8, "load_in_8bit"), (4, "load_in_4bit")])
def test_weights_in_few_bits(bits, keyword):
    """But for scales, which the model's own count of 4 bits leaves out."""
    folder = checkpoints.llama(hidden_size=64, intermediate_size=256)
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder, **{keyword: True})
    assert plan_memory(folder, Workload(1, 8, 2), bits=bits).load.weights == pytest.approx(
        model.get_memory_footprint(), rel=0.06
    )


def test_experts_share_the_tokens():
    """Which expert a token goes to is in its contents; they are taken to be chosen equally often."""
    config = bestiary.MixtralConfig(vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                    num_attention_heads=2, num_key_value_heads=2, num_local_experts=4)  # fmt: skip
    plan = plan_memory(config, Workload(2, 100, 4), training=True)
    assert plan.unknown == ""
    assert plan.training.activations > plan.run.activations > 0


def test_more_than_the_model_takes_and_more_than_there_is():
    config = bestiary.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50, n_positions=64)
    assert usual_call(config) == Workload(1, 32, 32)
    with pytest.raises(InputError, match="rows of 100 tokens are too long"):
        plan_memory(config, Workload(1, 100, 1))
    plan = MemoryPlan("", "float32", LoadNeed(1, 3_000_000, 4_000_000), None)
    plan.check(4_000_000)
    with pytest.raises(CapacityError, match=r"needs 4.00 MB and 3.90 MB are allowed"):
        plan.check(3_900_000)
