"""Layers with a window show attention what a plain concatenation under a windowed mask shows; models give the same tokens."""

import pytest
import torch
import transformers
from kit.families import close
from kit.windowed import TINY, WindowedForCausalLM, config_of, filled

from bestiary.cache import DynamicCache, SlidingWindowLayer, StaticSlidingWindowLayer, build
from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.nn.masks import Mask, make_mask

WINDOW = 5
HYBRID = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
KINDS = ["dynamic", "dynamic_full", "hybrid", "hybrid_chunked", "offloaded", "offloaded_hybrid", "offloaded_static",
         "quantized", "sliding_window", "static"]  # fmt: skip


def layers(window):
    return {"dynamic": SlidingWindowLayer(window), "no spare": SlidingWindowLayer(window, spare=0),
            "static": StaticSlidingWindowLayer(window, window)}  # fmt: skip


def seen(layer, keys, new):
    """For each new query the keys it sees, oldest first, by the layer's own geometry and a windowed mask."""
    slots, first = layer.geometry(new.shape[2])
    shown, values = layer.update(new, -new)
    assert shown.shape[2] == slots
    mask = Mask(new.shape[2], slots, new.device, causal=True, first_query=first, window=layer.sliding_window).allowed()
    allowed = torch.ones(new.shape[2], slots, dtype=torch.bool) if mask is None else mask[0, 0]
    assert torch.equal(values, -shown)
    return [shown[:, :, row] for row in allowed]


@pytest.mark.parametrize("window", [1, 2, 5, 9])
@pytest.mark.parametrize("chunks", [[1] * 30, [3, 7, 1, 1, 4], [20, 1, 1, 1], [400, 1, 260, 1]], ids=str)
@pytest.mark.parametrize("kind", ["dynamic", "no spare", "static"])
def test_each_query_sees_its_window(kind, chunks, window):
    layer, at = layers(window)[kind], 0
    keys = torch.randn(2, 3, sum(chunks), 4, generator=torch.Generator().manual_seed(window))
    for size in chunks:
        for offset, got in enumerate(seen(layer, keys, keys[:, :, at : at + size])):
            end = at + offset + 1
            assert torch.equal(got, keys[:, :, max(0, end - window) : end])
        at += size
        assert layer.get_seq_length() == layer.position() == at
    held = layer.tokens()
    assert torch.equal(held.keys, keys[:, :, held.first : at])
    assert layer.nbytes() <= 2 * 2 * 3 * 4 * 4 * (window + 64 + 256 + max(chunks))


@pytest.mark.parametrize("kind", ["dynamic", "no spare", "static"])
def test_crop_is_exact_or_refused(kind):
    keys = torch.randn(1, 1, 40, 4)
    for length in range(31):
        layer = layers(WINDOW)[kind]
        layer.update(keys[:, :, :30], -keys[:, :, :30])
        cache = DynamicCache()
        cache.layers.append(layer)
        if not cache.can_crop(length):
            assert kind != "dynamic"
            assert length < 30
            with pytest.raises(InputError, match=f"of 30 tokens cannot go back to {length}: a layer with a window needs"):
                cache.crop(length)
            assert cache.get_seq_length() == 30
            continue
        cache.crop(length)
        (got,) = seen(layer, keys, keys[:, :, 30:31])
        expected = torch.cat([keys[:, :, max(0, length - WINDOW + 1) : length], keys[:, :, 30:31]], 2)
        assert torch.equal(got, expected)


def test_rows_of_every_layer_move_and_states_return():
    for name, layer in layers(WINDOW).items():
        keys = torch.randn(3, 1, 12, 4)
        layer.update(keys, -keys)
        layer.map_batch(lambda tensor: tensor.index_select(0, torch.tensor([2, 0])))
        tensors, numbers = layer.state()
        other = layers(WINDOW)[name]
        other.restore(tensors, numbers)
        more = torch.randn(2, 1, 2, 4)
        for one in (layer, other):
            got = seen(one, keys, more)[-1]
            assert torch.equal(got, torch.cat([keys[[2, 0], :, 9:12], more], 2)), name


def test_masks_of_a_longer_text_are_cut():
    cache = build("dynamic", config_of(**HYBRID), 20)
    for index in range(2):
        cache.update(torch.zeros(2, 2, 9, 4), torch.zeros(2, 2, 9, 4), index)
    padding = torch.ones(2, 11, dtype=torch.long)
    padding[1, :7] = 0
    narrow = make_mask(2, padding.device, padding, cache=cache, window=WINDOW, layer_idx=0)
    wide = make_mask(2, padding.device, padding, cache=cache, layer_idx=1)
    assert torch.equal(narrow.padding, padding[:, 5:].bool())
    assert torch.equal(wide.padding, padding.bool())
    array = torch.rand(2, 1, 2, 11) > 0.5
    assert torch.equal(make_mask(2, array.device, array, cache=cache, window=WINDOW).dense, array[..., 5:])
    with pytest.raises(InputError, match="covers 10 positions, but attention sees 11"):
        make_mask(2, padding.device, padding[:, 1:], cache=cache, window=WINDOW)


def test_window_one_token_back_needs_no_mask():
    cache = build("dynamic", config_of(sliding_window=WINDOW), 20)
    cache.update(torch.zeros(1, 2, 9, 4), torch.zeros(1, 2, 9, 4), 0)
    assert make_mask(1, torch.device("cpu"), cache=cache, window=WINDOW).hides_nothing


PROMPTS = torch.randint(3, 64, (3, 12), generator=torch.Generator().manual_seed(3))
PADDED = torch.ones_like(PROMPTS)
PADDED[1, :4] = 0


@pytest.fixture(scope="module", params=["all", "hybrid"])
def model(request):
    values = {"sliding_window": WINDOW} if request.param == "all" else HYBRID
    return filled(WindowedForCausalLM, config_of(**values))


def reference_of(model):
    """The same weights in the reference library."""
    values = dict(TINY, sliding_window=WINDOW, head_dim=4)
    if model.config.get("layer_types"):
        values["layer_types"] = list(model.config.layer_types)
        theirs = transformers.MinistralForCausalLM(transformers.MinistralConfig(**values))
    else:
        theirs = transformers.MistralForCausalLM(transformers.MistralConfig(**values))
    theirs.set_attn_implementation("eager")
    assert not theirs.load_state_dict(model.state_dict(), strict=False).unexpected_keys
    return theirs.eval()


@torch.no_grad()
def test_tokens_and_logits_of_the_reference(model):
    theirs = reference_of(model)
    options = {"attention_mask": PADDED, "max_new_tokens": 20, "do_sample": False}
    mine = model.generate(PROMPTS, output_logits=True, return_dict_in_generate=True, **options)
    expected = theirs.generate(PROMPTS, output_logits=True, return_dict_in_generate=True, **options)
    assert torch.equal(mine.sequences, expected.sequences)
    close(mine.logits, expected.logits)
    assert len(mine.sequences[:, 12:].unique()) > 6
    full = filled(WindowedForCausalLM, config_of(sliding_window=WINDOW, layer_types=["full_attention"] * 2))
    assert not torch.equal(full.generate(PROMPTS, **options), mine.sequences)  # the window matters


@pytest.mark.parametrize("chunk", [None, 1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_tokens(model, kind, chunk):
    expected = model.generate(PROMPTS, attention_mask=PADDED, max_new_tokens=20, use_cache=False)
    options = {"cache_config": {"residual_length": 64}} if kind == "quantized" else {}
    got = model.generate(
        PROMPTS,
        attention_mask=PADDED,
        max_new_tokens=20,
        cache_implementation=kind,
        prefill_chunk_size=chunk,
        return_dict_in_generate=True,
        **options,
    )
    assert torch.equal(got.sequences, expected)
    slides = [kind == "sliding_attention" for kind in model.config.get("layer_types") or ["sliding_attention"] * 2]
    assert got.past_key_values.is_sliding == ([False, False] if kind == "dynamic_full" else slides)


@pytest.mark.parametrize("kind", ["dynamic", "dynamic_full", "static", "hybrid"])
@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3},
        {"num_beams": 3, "num_return_sequences": 2, "return_dict_in_generate": True},
        {"prompt_lookup_num_tokens": 4},
    ],
    ids=str,
)
def test_other_strategies(model, kind, options):
    rows = slice(0, 1) if "prompt_lookup_num_tokens" in options else slice(None)
    ids, mask = PROMPTS[rows], PADDED[rows]
    if "prompt_lookup_num_tokens" in options and kind in ("static", "hybrid"):
        pytest.skip("slots of fixed number keep no token that was dropped, so drafts cannot be taken back")
    call = {"attention_mask": mask, "max_new_tokens": 15, **options}
    got = model.generate(ids, cache_implementation=kind, **call)
    expected = model.generate(ids, use_cache=False, **{k: v for k, v in call.items() if k != "prompt_lookup_num_tokens"})
    if "return_dict_in_generate" in options:
        assert got.past_key_values.get_seq_length() == got.sequences.shape[1] - 1
        got, expected = got.sequences, expected.sequences
    assert torch.equal(got, expected)


def test_static_windows_compile_once(model):
    cache = build("hybrid", model.config, 40)
    ids = PROMPTS[:, :6]
    compilations = []
    torch.compiler.reset()  # of the other model

    def backend(graph, example_inputs):
        compilations.append(1)
        return graph.forward

    compiled = torch.compile(model, backend=backend, fullgraph=True)
    with torch.no_grad():
        expected = model(PROMPTS, use_cache=False).logits
        first = model(ids, past_key_values=cache).logits
        steps = [compiled(PROMPTS[:, at : at + 1], past_key_values=cache).logits for at in range(6, 12)]
    close(torch.cat([first, *steps], dim=1), expected)
    assert len(compilations) == 1


def test_a_model_without_a_window():
    full = config_of()
    with pytest.warns(BestiaryWarning, match="models whose config has sliding_window"):
        cache = build("sliding_window", full, 8)
    assert [cache.get_max_length(), cache.make_layer(0).is_sliding] == [8, False]
    with pytest.raises(ConfigError, match="sliding_window is None"):
        build("dynamic", config_of(layer_types=["sliding_attention", "full_attention"]), 8)
    assert build("dynamic", config_of(sliding_window=4, use_sliding_window=False), 8).make_layer(0).is_sliding is False
