"""A store of prefixes changes how much is computed and nothing else: random dialogues, batches, padding, changed weights."""

import random
import threading

import pytest
import torch
from kit.families import pair
from kit.filled import fill
from kit.windowed import RecurrentForCausalLM, WindowedForCausalLM, config_of, filled
from safetensors.torch import load_file, save_file

from bestiary.cache import PrefixStore, QuantizedCache, SinkCache
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing
from bestiary.models.gpt2 import GPT2Config
from bestiary.models.gpt2.model import GPT2LMHeadModel
from bestiary.models.llama.model import LlamaForCausalLM

WINDOW = 6
GPT2 = GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=4, n_positions=256, eos_token_id=None, bos_token_id=None)
HYBRID = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
MODELS = {
    "llama": lambda: filled(LlamaForCausalLM, config_of()),
    "gpt2": lambda: fill(GPT2LMHeadModel(GPT2)),
    "sliding": lambda: filled(WindowedForCausalLM, config_of(sliding_window=WINDOW)),
    "hybrid": lambda: filled(WindowedForCausalLM, config_of(**HYBRID)),
    "recurrent": lambda: fill(RecurrentForCausalLM(config_of()), scale=1.5),
}
MADE = {}


def model_of(name):
    if name not in MADE:
        MADE[name] = MODELS[name]()
    return MADE[name]


QUANTIZED = {"cache_implementation": "quantized", "cache_config": {"nbits": 8, "q_group_size": 4, "residual_length": 4}}
SINK = {"cache_implementation": "sink", "cache_config": {"window_length": 200, "num_sink_tokens": 2}}
CALLS = [
    ("llama", {}), ("llama", {"cache_implementation": "static"}), ("llama", {"cache_implementation": "offloaded"}),
    ("llama", {"cache_implementation": "offloaded_static"}), ("llama", QUANTIZED), ("llama", SINK),
    ("llama", {"prefill_chunk_size": 4}), ("llama", {"num_beams": 2}), ("llama", {"do_sample": True, "seed": 3}),
    ("gpt2", {}), ("gpt2", {"cache_implementation": "static"}),
    ("sliding", {}), ("sliding", {"cache_implementation": "dynamic_full"}),
    ("sliding", {"cache_implementation": "sliding_window"}),
    ("hybrid", {}), ("hybrid", {"cache_implementation": "hybrid"}), ("hybrid", {"cache_implementation": "dynamic_full"}),
    ("recurrent", {"cache_implementation": "mamba"}),
]  # fmt: skip


def words(draw, count):
    return [draw.randint(3, 63) for _ in range(count)]


class Spy:
    """Counts the tokens that a model is given."""

    def __init__(self, model):
        self.count = 0
        self.hook = model.get_input_embeddings().register_forward_hook(self)

    def __call__(self, module, inputs, output):
        self.count += inputs[0].shape[1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.hook.remove()


@pytest.mark.parametrize(("name", "options"), CALLS, ids=str)
def test_random_dialogues(name, options):
    """Turns up to four windows long, several talks at once that share beginnings, some taken up again in the middle."""
    model, draw = model_of(name), random.Random(f"{name}{options}")
    store = PrefixStore(1 << 22)
    start = words(draw, 9)
    talks = [list(start) for _ in range(3)]
    reused = 0
    for turn in range(12):
        which = draw.randrange(3)
        talk = talks[which] + words(draw, draw.randint(1, 4 * WINDOW))
        call = {"max_new_tokens": draw.randint(1, 9), "return_dict_in_generate": True, **options}
        cold = model.generate(torch.tensor([talk]), **call)
        with Spy(model) as spy:
            warm = model.generate(torch.tensor([talk]), prefix_store=store, **call)
        assert torch.equal(warm.sequences, cold.sequences), f"turn {turn}"
        (took,) = warm.prefix_reused
        assert bool(warm.prefix_reason) is (took == 0)
        assert took < len(talk)
        if "num_beams" not in options:
            assert spy.count == len(talk) - took + call["max_new_tokens"] - 1
        reused += took
        talk = warm.sequences[0].tolist()
        talks[which] = talk if draw.random() < 0.7 else talk[: draw.randint(9, len(talk))]
        if len(talks[which]) > 150:
            talks[which] = list(start)
    if options == QUANTIZED:
        assert reused == 0
    else:
        assert reused > 20


def test_what_could_not_be_taken_is_said():
    draw = random.Random(0)
    for name, options, reason in (
        (
            "sliding",
            {"cache_implementation": "sliding_window"},
            "to go on after 30 a window needs tokens 25 on, held are 34 on",
        ),
        ("recurrent", {"cache_implementation": "mamba"}, "shares 30 tokens, but a recurrent state cannot be cut"),
        ("llama", QUANTIZED, "shares 30 tokens, but its older tokens are quantized"),
        ("llama", {**SINK, "cache_config": {"window_length": 35}}, "but the sink cache has dropped tokens of it"),
    ):
        model, store, talk = model_of(name), PrefixStore(1 << 20), words(draw, 30)
        first = model.generate(
            torch.tensor([talk]), max_new_tokens=10, prefix_store=store, return_dict_in_generate=True, **options
        )
        assert first.prefix_reason == "no stored conversation of this model begins like the prompt"
        other = [*talk, 2, *words(draw, 3)]
        again = model.generate(
            torch.tensor([other]), max_new_tokens=1, prefix_store=store, return_dict_in_generate=True, **options
        )
        assert again.prefix_reused == [0]
        assert reason in again.prefix_reason


def test_other_kinds_of_caches_share_a_store():
    model, store, draw = model_of("llama"), PrefixStore(1 << 22), random.Random(1)
    talk = words(draw, 20)
    model.generate(torch.tensor([talk]), max_new_tokens=5, prefix_store=store)
    prompt = torch.tensor([talk + words(draw, 6)])
    for options in ({}, {"cache_implementation": "static"}, {"cache_implementation": "offloaded"}, QUANTIZED):
        warm = model.generate(prompt, max_new_tokens=9, prefix_store=store, return_dict_in_generate=True, **options)
        assert warm.prefix_reused == [20 if options == {} else 25]
        assert torch.equal(warm.sequences, model.generate(prompt, max_new_tokens=9, **options))


@pytest.mark.parametrize("name", ["llama", "gpt2", "hybrid"])
def test_rows_with_padding_each_with_its_own_prefix(name):
    model, draw = model_of(name), random.Random(2)
    for _ in range(6):
        store, talks = PrefixStore(1 << 22), [words(draw, draw.randint(5, 30)) for _ in range(4)]
        for turn in range(3):
            talks = [talk + words(draw, draw.randint(1, 9)) for talk in talks]
            longest = max(map(len, talks))
            ids = torch.tensor([[0] * (longest - len(talk)) + talk for talk in talks])
            call = {"attention_mask": (ids != 0).long(), "max_new_tokens": 4, "return_dict_in_generate": True}
            warm = model.generate(ids, prefix_store=store, **call)
            assert torch.equal(warm.sequences, model.generate(ids, **call).sequences)
            assert turn == 0 or name == "hybrid" or any(warm.prefix_reused)
            talks = [row[longest - len(talk) :].tolist() for row, talk in zip(warm.sequences, talks, strict=True)]
        alone = model.generate(torch.tensor([talks[1]]), max_new_tokens=4, prefix_store=store, return_dict_in_generate=True)
        assert alone.prefix_reused[0] > 0
        assert torch.equal(alone.sequences, model.generate(torch.tensor([talks[1]]), max_new_tokens=4))


def test_a_shared_beginning_serves_a_whole_batch():
    model, draw, store = model_of("llama"), random.Random(3), PrefixStore(1 << 22)
    system = words(draw, 40)
    model.generate(torch.tensor([system]), max_new_tokens=1, prefix_store=store)
    prompts = [system + words(draw, count) for count in (3, 9, 5)]
    ids = torch.tensor([[0] * (49 - len(prompt)) + prompt for prompt in prompts])
    call = {"attention_mask": (ids != 0).long(), "max_new_tokens": 5, "num_return_sequences": 2, "do_sample": True, "seed": 1}
    warm = model.generate(ids, prefix_store=store, return_dict_in_generate=True, **call)
    assert warm.prefix_reused == [34, 40, 36]  # as many slots in each row
    assert torch.equal(warm.sequences, model.generate(ids, **call))


def test_rows_that_end_early_leave_no_filling():
    model, draw, store = model_of("llama"), random.Random(4), PrefixStore(1 << 22)
    ids = torch.tensor([words(draw, 8) for _ in range(4)])
    plain = model.generate(ids, max_new_tokens=12)
    eos = int(plain[0, 10])
    call = {"max_new_tokens": 12, "eos_token_id": eos, "pad_token_id": 0, "return_dict_in_generate": True}
    out = model.generate(ids, prefix_store=store, **call)
    assert "eos" in out.finish_reasons
    end = out.sequences[0].tolist().index(eos) + 1
    assert end < out.sequences.shape[1]
    talk = out.sequences[0, :end].tolist() + words(draw, 4)
    warm = model.generate(torch.tensor([talk]), prefix_store=store, **call)
    assert warm.prefix_reused == [end]
    assert torch.equal(warm.sequences, model.generate(torch.tensor([talk]), **call).sequences)


def test_other_weights_get_nothing():
    model, draw, store = MODELS["llama"](), random.Random(5), PrefixStore(1 << 22)
    prompt = torch.tensor([words(draw, 20)])

    def call():
        warm = model.generate(prompt, max_new_tokens=4, prefix_store=store, return_dict_in_generate=True)
        assert torch.equal(warm.sequences, model.generate(prompt, max_new_tokens=4))
        return warm.prefix_reused[0]

    assert (call(), call()) == (0, 19)
    model.model.layers[0].self_attn.k_proj.weight.data[1, 2] += 0.5
    assert (call(), call()) == (0, 19)
    model.model.layers[1].mlp.gate_proj = torch.nn.Sequential(model.model.layers[1].mlp.gate_proj, torch.nn.Linear(32, 32))
    assert call() == 0


def test_whatever_else_enters_is_said():
    model, store = model_of("gpt2"), PrefixStore(1 << 22)
    ids = torch.tensor([words(random.Random(6), 10)])
    mask = torch.ones_like(ids)
    mask[0, 4] = 0
    model.generate(ids, max_new_tokens=4, prefix_store=store)
    for more, reason in (
        ({"token_type_ids": torch.ones_like(ids)}, "also depend on token_type_ids"),
        ({"position_ids": torch.arange(10)[None] + 1}, "also depend on position_ids"),
        ({"attention_mask": mask}, "hides tokens behind the start"),
        ({"use_cache": False}, "use_cache=False leaves nothing to fill"),
        ({"output_hidden_states": True}, "hidden states or attentions of the whole prompt"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "the strategy needs the states of the whole prompt"),
    ):
        got = model.generate(ids, max_new_tokens=4, prefix_store=store, return_dict_in_generate=True, **more)
        assert got.prefix_reused == [0]
        assert reason in got.prefix_reason
        plain = model.generate(ids, max_new_tokens=4, return_dict_in_generate=True, **more)
        assert torch.equal(got.sequences, plain.sequences)
    t5 = pair("t5", "T5ForConditionalGeneration")
    got = t5.ours.generate(t5.inputs["input_ids"], attention_mask=t5.inputs["attention_mask"], max_new_tokens=3,
                           prefix_store=store, return_dict_in_generate=True)  # fmt: skip
    assert "depend on what its encoder read" in got.prefix_reason
    assert len(store) == 2  # contrastive search wrote another text


def test_a_cache_of_the_caller_is_left_alone():
    model, store = model_of("llama"), PrefixStore(1 << 22)
    ids = torch.tensor([words(random.Random(7), 10)])
    model.generate(ids, max_new_tokens=4, prefix_store=store)
    for cache in (SinkCache(30, 2), QuantizedCache()):
        got = model.generate(ids, max_new_tokens=4, past_key_values=cache, prefix_store=store, return_dict_in_generate=True)
        assert "the call continues a cache of its own" in got.prefix_reason
        assert cache.get_seq_length() == 13


def test_the_limit_holds_and_the_longest_unused_goes_first():
    model, draw = model_of("llama"), random.Random(8)
    prompts = [torch.tensor([words(draw, 20)]) for _ in range(6)]
    one = PrefixStore(1 << 22)
    model.generate(prompts[0], max_new_tokens=1, prefix_store=one)
    size = one.nbytes()
    assert size == 2 * 2 * 20 * 2 * 4 * 4 + 20 * 8  # keys and values, layers, tokens, heads, channels, bytes; ids

    def took(prompt):
        return model.generate(prompt, max_new_tokens=1, prefix_store=store, return_dict_in_generate=True).prefix_reused[0]

    store = PrefixStore(3 * size + 7)
    assert [took(prompt) for prompt in prompts[:3]] == [0, 0, 0]
    assert len(store) == 3
    assert took(prompts[0]) == 19
    assert took(prompts[3]) == 0
    assert store.nbytes() <= store.max_bytes
    assert [took(prompts[0]), took(prompts[3]), took(prompts[2])] == [19, 19, 19]
    assert took(prompts[1]) == 0
    store = PrefixStore(size - 1)
    assert took(prompts[0]) == 0
    out = model.generate(prompts[0], max_new_tokens=1, prefix_store=store, return_dict_in_generate=True)
    assert f"its states have {size} bytes and max_bytes is {size - 1}" in out.prefix_reason
    store.clear()
    assert (len(store), store.nbytes()) == (0, 0)


def test_a_talk_is_held_once():
    model, store, draw = model_of("llama"), PrefixStore(1 << 22), random.Random(9)
    talk = torch.tensor([words(draw, 10)])
    for _ in range(5):
        talk = model.generate(talk, max_new_tokens=5, prefix_store=store)
        assert len(store) == 1
        talk = torch.cat([talk, torch.tensor([words(draw, 3)])], dim=1)


@pytest.mark.parametrize(("name", "options"), [("llama", {}), ("hybrid", {}), ("recurrent", {"cache_implementation": "mamba"})])
def test_saved_and_loaded(name, options, tmp_path):
    model, draw, store = model_of(name), random.Random(10), PrefixStore(1 << 20)
    talks = [model.generate(torch.tensor([words(draw, 20)]), max_new_tokens=4, prefix_store=store, **options) for _ in range(3)]
    store.save(tmp_path / "store")
    back = PrefixStore.load(tmp_path / "store")
    assert (len(back), back.nbytes(), back.max_bytes) == (3, store.nbytes(), 1 << 20)
    prompt = torch.cat([talks[1], torch.tensor([words(draw, 5)])], dim=1)
    warm = MODELS[name]().generate(prompt, max_new_tokens=4, prefix_store=back, return_dict_in_generate=True, **options)
    assert warm.prefix_reused == [23]
    assert torch.equal(warm.sequences, model.generate(prompt, max_new_tokens=4, **options))
    assert len(PrefixStore.load(tmp_path / "store", max_bytes=store.nbytes() // 2)) == 1


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileMissing):
        PrefixStore.load(tmp_path / "nothing")
    store = PrefixStore(1 << 20)
    model_of("llama").generate(torch.tensor([words(random.Random(11), 9)]), max_new_tokens=4, prefix_store=store)
    store.save(tmp_path / "store")
    content = (tmp_path / "store").read_bytes()
    (tmp_path / "store").write_bytes(content[:-4])
    with pytest.raises(CorruptFile):
        PrefixStore.load(tmp_path / "store")
    (tmp_path / "store").write_bytes(content)
    tensors = load_file(tmp_path / "store")
    save_file(tensors, tmp_path / "store")
    with pytest.raises(CorruptFile, match="is not a saved PrefixStore"):
        PrefixStore.load(tmp_path / "store")
    tensors.pop("0.1.keys")
    metadata = {
        "format": "bestiary-prefixes-1",
        "max_bytes": "99999",
        "entries": '[{"model": "x", "reason": "", "first": [0, 0]}]',
    }
    save_file(tensors, tmp_path / "store", metadata)
    with pytest.raises(CorruptFile, match="is not a whole PrefixStore"):
        PrefixStore.load(tmp_path / "store")


def test_threads():
    model, store, failed = model_of("llama"), PrefixStore(40_000), []

    def talk(seed):
        draw = random.Random(seed % 3)
        ids = torch.tensor([words(draw, 8)])
        try:
            for _ in range(6):
                call = {"max_new_tokens": 3}
                warm = model.generate(ids, prefix_store=store, **call)
                assert torch.equal(warm, model.generate(ids, **call))
                ids = torch.cat([warm, torch.tensor([words(draw, 3)])], dim=1)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert 0 < store.nbytes() == sum(entry.nbytes for entry in store._entries.values()) <= store.max_bytes


def test_arguments():
    for wrong in (0, -1, 1.5, True, "1GB"):
        with pytest.raises(ArgumentError, match="max_bytes is"):
            PrefixStore(wrong)
    with pytest.raises(ArgumentError, match="prefix_store is a dict; expected a PrefixStore"):
        model_of("llama").generate(torch.tensor([[5]]), prefix_store={})


def test_steps_use_it_too():
    model, store = model_of("llama"), PrefixStore(1 << 20)
    ids = torch.tensor([words(random.Random(12), 9)])
    for _ in range(2):
        tokens = [int(step.tokens) for step in model.generate_steps(ids, max_new_tokens=4, prefix_store=store)]
        assert tokens == model.generate(ids, max_new_tokens=4)[0, 9:].tolist()
        assert len(store) == 1


@pytest.mark.parametrize("swap", ["rows", "columns"])
def test_weights_that_change_places_are_other_weights(swap):
    """Tokens, heads or pairs of rotary positions in another order: the same numbers in all, and another model."""
    model = fill(GPT2LMHeadModel(GPT2Config(**{**GPT2.to_dict(), "n_embd": 256})))
    store, ids = PrefixStore(10**8), torch.tensor([[5, 6, 7, 8, 9, 10]])
    model.generate(ids, prefix_store=store, max_new_tokens=2)
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        order = torch.arange(weight.shape[0 if swap == "rows" else 1])
        order[6:8], order[8:10] = order[8:10].clone(), order[6:8].clone()
        weight.copy_(weight[order] if swap == "rows" else weight[:, order])
    made = model.generate(ids, prefix_store=store, max_new_tokens=8, return_dict_in_generate=True)
    assert made.prefix_reused == [0]
    assert torch.equal(made.sequences, model.generate(ids, max_new_tokens=8))


def test_states_that_do_not_follow_from_the_weights_are_not_kept():
    model, store, ids = fill(GPT2LMHeadModel(GPT2)), PrefixStore(10**8), torch.tensor([[5, 6, 7, 8, 9, 10]])
    options = {"prefix_store": store, "max_new_tokens": 2, "return_dict_in_generate": True}
    assert "training" in model.train().generate(ids, **options).prefix_reason
    with torch.autocast("cpu", torch.bfloat16):
        assert "autocast" in model.eval().generate(ids, **options).prefix_reason
    assert len(store) == 0
    assert model.generate(ids, **options).prefix_reason == "no stored conversation of this model begins like the prompt"
    with torch.autocast("cpu", torch.bfloat16):
        assert model.generate(ids, **options).prefix_reused == [0]
    assert model.generate(ids, **options).prefix_reused == [5]
