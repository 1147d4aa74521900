"""Whisper's `generate` beside the reference's, with weights of its own or with a decoder that says what a script tells it."""

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.whisper import WhisperConfig, WhisperForConditionalGeneration
from bestiary.models.whisper.alignment import first_columns, median_filter
from bestiary.models.whisper.transcription import compression_ratio
from bestiary.models.whisper.windows import SegmentSpan, cut

END, START, EN, FR, DE, TRANSLATE, TRANSCRIBE, PREVIOUS, _, NO_TIMES = range(50, 60)
ZERO = 60  # the time 0.00
LANGUAGES = {"<|en|>": EN, "<|fr|>": FR, "<|de|>": DE}


def config(positions: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": ZERO + positions + 1,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 40,
        "max_source_positions": positions,
        "max_target_positions": 40,
        "num_mel_bins": 8,
        "pad_token_id": END,
        "bos_token_id": END,
        "eos_token_id": END,
        "decoder_start_token_id": START,
        "begin_suppress_tokens": None,
        **more,
    }


SETTINGS: dict[str, Any] = {
    "lang_to_id": LANGUAGES,
    "task_to_id": {"translate": TRANSLATE, "transcribe": TRANSCRIBE},
    "is_multilingual": True,
    "no_timestamps_token_id": NO_TIMES,
    "prev_sot_token_id": PREVIOUS,
    "max_initial_timestamp_index": 50,
    "alignment_heads": [[0, 0], [0, 2], [1, 1]],
    "max_length": 40,
    "pad_token_id": END,
    "bos_token_id": END,
    "eos_token_id": END,
    "decoder_start_token_id": START,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The reference's tiny model (a window is 0.4 s) and ours, opened from its files."""
    torch.manual_seed(0)
    reference = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**config(20))).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    reference.generation_config = transformers.GenerationConfig(**SETTINGS)
    reference.set_attn_implementation("eager")
    folder = tmp_path_factory.mktemp("whisper")
    reference.save_pretrained(folder)
    return reference, WhisperForConditionalGeneration.from_pretrained(folder)


class Script:
    """Makes a model's decoder say `windows[window][row]`, then the end token; keeps the prompts it was given."""

    def __init__(self, model: Any, windows: list[list[list[int]]]) -> None:
        self.windows, self.window, self.step = windows, -1, 0
        self.prompts: list[list[list[int]]] = []
        self.masks: list[Any] = []
        self.handles = [
            model.model.decoder.register_forward_pre_hook(self._see, with_kwargs=True),
            model.proj_out.register_forward_hook(self._say),
        ]

    def _see(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        mask = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
        if ids.shape[1] > 1:
            self.window, self.step = self.window + 1, 0
            self.prompts.append(ids.tolist())
            self.masks.append(None if mask is None or bool(mask.bool().all()) else mask.int().tolist())
        else:
            self.step += 1

    def _say(self, module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        said = torch.zeros_like(output)
        window = self.windows[self.window] if 0 <= self.window < len(self.windows) else []
        for row in range(len(output)):
            tokens = window[row] if row < len(window) else []
            said[row, -1, tokens[self.step] if self.step < len(tokens) else END] = 20.0
        return said

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *error: Any) -> None:
        for handle in self.handles:
            handle.remove()


def sound(rows: int = 2, frames: int = 40) -> torch.Tensor:
    return torch.randn(rows, 8, frames, generator=torch.Generator().manual_seed(1))


def plain(output: Any) -> Any:
    """What `generate` returned, as numbers that can be compared."""
    if isinstance(output, torch.Tensor):
        return {"sequences": output.tolist()}
    found = {"sequences": output["sequences"].tolist()}
    if "segments" in output:
        found["segments"] = [
            [(round(float(s["start"]), 4), round(float(s["end"]), 4), s["tokens"].tolist(), s["idxs"]) for s in row]
            for row in output["segments"]
        ]
    return found


Z = ZERO
WORDS = [[[1, 2, 3], [4, 5]]]
TIMES = [
    [[Z, 1, 2, Z + 5, Z + 5, 3, Z + 20], [Z + 1, 4, Z + 3, Z + 3, 5, 6, Z + 9, Z + 9]],
    [[Z, 7, Z + 11]],
]
LONG = [
    [[Z, 1, 2, Z + 5, Z + 5, 3, Z + 12, Z + 12], [Z + 1, 4, Z + 3, Z + 3, 5]],
    [[Z, 7, Z + 15], [Z, 8, Z + 2, Z + 2, 9, Z + 17]],
    [[Z, 6, Z + 3, Z + 3], [Z, 5, 5, 5]],
    [[Z, 6, Z + 3, Z + 3]],
    [[Z, 1, Z + 9]],
]
PROMPT = torch.tensor([PREVIOUS, 7, 8, 9])
TIMED: dict[str, Any] = {"language": "en", "return_timestamps": True}
SHORT: dict[str, tuple[Any, dict[str, Any]]] = {
    "language": (WORDS, {"language": "en", "task": "transcribe"}),
    "languages": (WORDS, {"language": ["<|fr|>", "german"]}),
    "translate": (WORDS, {"language": "french", "task": "translate"}),
    "once": (WORDS, {"language": "en", "force_unique_generate_call": True}),
    "dict": (WORDS, {"language": "en", "return_dict_in_generate": True}),
    "segments": (WORDS, {"language": "en", "return_segments": True}),
    "prompt": (WORDS, {"language": "en", "prompt_ids": PROMPT}),
    "length": (WORDS, {"language": "en", "max_new_tokens": 2}),
    "empty": ([[[], [5]]], {"language": "en", "return_segments": True}),
    "decoder": (WORDS, {"decoder_input_ids": torch.tensor([[START, EN, TRANSCRIBE]] * 2)}),
    "forced": (WORDS, {"forced_decoder_ids": [[1, FR], [2, TRANSLATE], [3, NO_TIMES]]}),
    "times": (TIMES, {**TIMED}),
    "times and segments": (TIMES, {**TIMED, "return_segments": True}),
    "times and dict": (TIMES, {**TIMED, "return_dict_in_generate": True}),
    "times and prompt": ([[[Z, 1, Z + 4], [Z, 2, Z + 5]]], {**TIMED, "prompt_ids": PROMPT, "return_segments": True}),
    "pairs": ([[[Z, 1, 2, Z + 5, Z + 7, 3], [Z, 7]], [[Z, 3, Z + 2]]], {**TIMED, "return_segments": True}),
    "natural": (None, {"language": "en", "max_new_tokens": 8}),
    "natural times": (None, {**TIMED, "max_new_tokens": 8}),
    "natural suppressed": (
        None,
        {"language": "en", "max_new_tokens": 8, "suppress_tokens": [20], "begin_suppress_tokens": [12]},
    ),
    "heard": (None, {"task": "transcribe", "max_new_tokens": 8}),
}


@pytest.mark.parametrize("case", SHORT)
def test_one_window_gives_the_references_tokens(models: tuple[Any, Any], case: str) -> None:
    windows, options = SHORT[case]
    options = dict(options)
    forced = options.pop("forced_decoder_ids", None)
    results, prompts = [], []
    for model in models:
        model.generation_config.forced_decoder_ids = forced
        if windows is None:
            results.append(plain(model.generate(sound(), **options)))
            continue
        with Script(model, windows) as script:
            results.append(plain(model.generate(sound(), **options)))
        prompts.append(script.prompts)
    assert results[1] == results[0]
    assert windows is None or prompts[1] == prompts[0]


CONDITIONS: dict[str, dict[str, Any]] = {
    "alone": {},
    "prompt": {"prompt_ids": PROMPT},
    "on what was said": {"condition_on_prev_tokens": True},
    "on both": {"condition_on_prev_tokens": True, "prompt_ids": PROMPT},
    "prompt stays": {"condition_on_prev_tokens": True, "prompt_ids": PROMPT, "prompt_condition_type": "all-segments"},
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_long_recordings_go_on_as_in_the_reference(models: tuple[Any, Any], condition: str) -> None:
    mask = torch.ones(2, 100, dtype=torch.long)
    mask[1, 60:] = 0
    seen = []
    for model in models:
        with Script(model, LONG) as script:
            output = model.generate(sound(2, 100), attention_mask=mask, return_segments=True, **TIMED, **CONDITIONS[condition])
        seen.append((plain(output), script.prompts, script.masks))
    assert seen[1] == seen[0]


@pytest.mark.parametrize("condition", ["on what was said", "on both", "prompt stays"])
def test_what_goes_before_is_cut_as_in_the_reference(models: tuple[Any, Any], condition: str) -> None:
    windows = [[[Z, 1, 2, 3, 4, 5, 6, 7, 8, Z + 5, Z + 5, 3, Z + 12, Z + 12]]] * 8
    seen = []
    for model in models:
        with Script(model, windows) as script:
            model.generate(sound(1, 100), **TIMED, **CONDITIONS[condition])
        seen.append(script.prompts)
    assert seen[1] == seen[0]
    assert max(len(prompt[0]) for prompt in seen[1]) > 20


REPEATS = [Z] + [5] * 20 + [Z + 20]


@pytest.mark.parametrize("threshold", [1.3, 1.76, 1.78])
def test_repetition_is_tried_again_as_in_the_reference(models: tuple[Any, Any], threshold: float) -> None:
    windows = [[REPEATS, [Z, 1, 2, 3, 4, Z + 20]], [[Z, 9, 8, 7, Z + 20]]]
    seen = []
    for model in models:
        with Script(model, windows) as script:
            output = model.generate(sound(), temperature=(0.0, 0.2), compression_ratio_threshold=threshold, **TIMED)
        seen.append((plain(output), script.prompts))
    assert seen[1] == seen[0]
    assert len(seen[1][1]) == (2 if threshold < 1.769 else 1)


@pytest.mark.parametrize("silence", [None, 0.002, 0.0034, 0.0036, 0.5])
@pytest.mark.parametrize("likely", [-1.5, -1.2, -0.9, -0.01])
def test_unlikely_and_silent_windows_as_in_the_reference(models: tuple[Any, Any], likely: float, silence: float | None) -> None:
    options = {
        **TIMED,
        "logprob_threshold": likely,
        "no_speech_threshold": silence,
        "temperature": (0.0, 1e-4),
        "max_new_tokens": 6,
    }
    results = []
    for model in models:
        torch.manual_seed(0)
        results.append(plain(model.generate(sound(1), **options)))
    assert results[1] == results[0]


@pytest.mark.parametrize("times", [False, True])
@pytest.mark.parametrize("row", [0, 1])
def test_times_of_tokens_are_the_references(models: tuple[Any, Any], row: int, times: bool) -> None:
    options = {"language": "en", "return_timestamps": times, "return_token_timestamps": True, "max_new_tokens": 9}
    expected, ours = (model.generate(sound()[row : row + 1], **options)["token_timestamps"] for model in models)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("times", [False, True])
@pytest.mark.parametrize("row", [0, 1])
def test_beams_hear_as_in_the_reference(models: tuple[Any, Any], row: int, times: bool) -> None:
    options = {"language": "en", "return_timestamps": times, "num_beams": 4, "max_new_tokens": 9}
    timed = {**options, "return_token_timestamps": True}
    expected, ours = (model.generate(sound()[row : row + 1], **timed) for model in models)
    assert torch.equal(ours["sequences"], expected["sequences"])
    torch.testing.assert_close(ours["token_timestamps"], expected["token_timestamps"], rtol=0, atol=1e-4)
    if times:
        longer = [model.generate(sound(frames=120)[row : row + 1], **options) for model in models]
        assert torch.equal(longer[1], longer[0])
        assert longer[0].shape[1] > 9


@pytest.mark.parametrize("likely", [-1.5, -1.2, -0.9, -0.01])
def test_likelihood_of_beams(models: tuple[Any, Any], likely: float) -> None:
    """The mean log probability of a transcript is that of the beam that became it."""
    options = {**TIMED, "num_beams": 4, "logprob_threshold": likely, "temperature": (0.0, 1e-4), "max_new_tokens": 6}
    results = []
    for model in models:
        torch.manual_seed(0)
        results.append(plain(model.generate(sound(1), **options)))
    assert results[1] == results[0]


def test_times_of_tokens_do_not_depend_on_the_batch(models: tuple[Any, Any]) -> None:
    ours = models[1]
    windows = [[[1, 2, 3, 7, 8], [4, 5]]]
    options = {"language": "en", "return_token_timestamps": True, "return_segments": True}
    with Script(ours, windows):
        together = ours.generate(sound(), **options)["segments"]
    for row in range(2):
        with Script(ours, [[windows[0][row]]]):
            alone = ours.generate(sound()[row : row + 1], **options)["segments"][0]
        assert [s["token_timestamps"] for s in together[row]] == [s["token_timestamps"] for s in alone]


def test_language_is_found_as_in_the_reference(models: tuple[Any, Any]) -> None:
    reference, ours = models
    assert torch.equal(ours.detect_language(sound(6)), reference.detect_language(sound(6)))
    encoded = ours.get_encoder()(sound(6))
    assert torch.equal(ours.detect_language(encoder_outputs=encoded), ours.detect_language(sound(6)))


ONCE: dict[str, Any] = {"force_unique_generate_call": True, "return_dict_in_generate": True, "max_new_tokens": 2}


def first_tokens(model: Any, settings: dict[str, Any], **call: Any) -> list[list[int]]:
    """The whole of one decoding, first tokens included, by a copy of the model with these generation settings."""
    twin = copy.deepcopy(model)
    for name, value in settings.items():
        setattr(twin.generation_config, name, value)
    output = twin.generate(sound(6), **ONCE, **call)
    return (output if isinstance(output, torch.Tensor) else output["sequences"]).tolist()


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        ({}, {"task": "translate"}),
        ({}, {"language": "fr"}),
        ({"task": "transcribe"}, {}),
        ({"language": "<|de|>"}, {}),
        ({"forced_decoder_ids": [[1, None], [2, TRANSCRIBE]]}, {}),
        ({"forced_decoder_ids": [[1, FR], [2, TRANSCRIBE]]}, {}),
        ({"forced_decoder_ids": [[1, None], [2, TRANSCRIBE]]}, {"task": "translate"}),
    ],
    ids=str,
)
def test_first_tokens_as_in_the_reference(models: tuple[Any, Any], settings: dict[str, Any], call: dict[str, Any]) -> None:
    reference, ours = (first_tokens(model, settings, **call) for model in models)
    assert ours == reference


def test_a_task_always_follows_the_language(models: tuple[Any, Any]) -> None:
    """As in training (Radford et al. 2022, section 2.3); the reference leaves it out where nobody names language or task."""
    reference, ours = models
    assert first_tokens(ours, {}) == first_tokens(reference, {}, task="transcribe")
    heard = [row[:2] for row in first_tokens(reference, {})]
    assert [row[:3] for row in first_tokens(ours, {})] == [[*row, TRANSCRIBE] for row in heard]


def test_encoder_output_serves_as_well(models: tuple[Any, Any]) -> None:
    ours = models[1]
    expected = ours.generate(sound(), language="en", max_new_tokens=5)
    assert torch.equal(ours.generate(encoder_outputs=ours.get_encoder()(sound()), language="en", max_new_tokens=5), expected)
    assert torch.equal(ours.generate(inputs=sound(), language="en", max_new_tokens=5, cache_implementation="static"), expected)


def test_several_drawn_transcripts_of_each_recording(models: tuple[Any, Any]) -> None:
    ours = models[1]
    options = {"language": ["en", "fr"], "do_sample": True, "num_return_sequences": 3, "max_new_tokens": 6, "seed": 1}
    found = ours.generate(sound(), **options, force_unique_generate_call=True)
    assert found[:, 1].tolist() == [EN] * 3 + [FR] * 3
    assert len({tuple(row) for row in found[:3].tolist()}) > 1
    assert torch.equal(ours.generate(sound(), **options, force_unique_generate_call=True), found)


def test_a_result_of_one_window_holds_what_was_asked_for(models: tuple[Any, Any]) -> None:
    ours = models[1]
    output = ours.generate(
        sound(), language="en", max_new_tokens=4, return_dict_in_generate=True, output_scores=True, output_attentions=True
    )
    assert output.sequences.shape == (2, 8)
    assert len(output.scores) == len(output.cross_attentions) == 4
    timed = ours.generate(sound(), max_new_tokens=4, return_dict_in_generate=True, output_scores=True, **TIMED)
    assert timed["segments"][1][0]["result"]["scores"][0].shape == (ours.config.vocab_size,)


def test_progress_is_told(models: tuple[Any, Any]) -> None:
    told = []
    with Script(models[1], TIMES):
        models[1].generate(sound(), **TIMED, monitor_progress=lambda done: told.append(done.tolist()))
    assert told == [[[0, 40], [0, 40]], [[40, 40], [18, 40]]]


def test_fewer_frames_at_a_time(models: tuple[Any, Any]) -> None:
    with Script(models[1], [[[Z, 1, Z + 5]]] * 4):
        found = models[1].generate(sound(1), num_segment_frames=10, return_segments=True, **TIMED)["segments"][0]
    assert [(round(s["start"], 2), round(s["end"], 2)) for s in found] == [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4)]


def test_nothing_of_the_callers_is_changed(models: tuple[Any, Any]) -> None:
    ours = models[1]
    settings, kept = ours.generation_config, copy.deepcopy(ours.generation_config.to_dict())
    before = ours.config.to_dict()
    ours.generate(sound(), task="translate", language="de", max_new_tokens=3, return_segments=True)
    assert ours.generation_config is settings
    assert settings.to_dict() == kept
    assert ours.config.to_dict() == before


# 75 seconds: three windows of 30 s, the last one half empty. Each window's script holds its own times, from 0.00 again.
SCRIPT = [
    [[Z + 0, 1, 2, Z + 400, Z + 450, 3, Z + 1200, Z + 1200, 4]],  # what follows the last pair is heard again
    [[Z + 0, 4, Z + 300, Z + 300, 5, 6, Z + 1400]],  # a time alone at the end: the rest of the window is silence
    [[Z + 50, 7, Z + 500, Z + 500, 8, Z + 1050, Z + 1050]],
    [[Z + 10, 9, Z + 400]],  # later than the recording's end
]
TRUTH = [
    (0.0, 8.0, [1, 2]),
    (9.0, 24.0, [3]),
    (24.0, 30.0, [4]),
    (30.0, 52.0, [5, 6]),
    (55.0, 64.0, [7]),
    (64.0, 75.0, [8]),
]


@pytest.fixture(scope="module")
def listener() -> Any:
    torch.manual_seed(0)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1, "decoder_attention_heads": 1, "d_model": 8}
    ours = WhisperForConditionalGeneration(WhisperConfig(**config(1500, **sizes))).eval()
    values = {**SETTINGS, "alignment_heads": [[0, 0]], "max_initial_timestamp_index": None}
    ours.generation_config.update(
        **{name: value for name, value in values.items() if name in type(ours.generation_config).names()}
    )
    for name, value in values.items():
        setattr(ours.generation_config, name, value)
    return ours


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"condition_on_prev_tokens": True},
        {"temperature": (0.0, 0.5), "compression_ratio_threshold": 5.0, "logprob_threshold": -30.0},
        {"return_token_timestamps": True},
    ],
    ids=["plain", "conditioned", "with second tries", "with times of tokens"],
)
@pytest.mark.parametrize("rows", [1, 2])
def test_times_of_long_audio_are_those_of_the_script(listener: Any, options: dict[str, Any], rows: int) -> None:
    frames = 7500
    mask = torch.ones(rows, frames, dtype=torch.long)
    with Script(listener, [window * rows for window in SCRIPT]):
        found = listener.generate(
            torch.zeros(rows, 8, frames), attention_mask=mask, return_segments=True, **{**TIMED, **options}
        )["segments"]
    for row in found:
        times = [(round(s["start"], 2), round(s["end"], 2), [t for t in s["tokens"].tolist() if t < ZERO]) for s in row]
        assert times == TRUTH
        edges = [edge for segment in row for edge in (segment["start"], segment["end"])]
        assert edges == sorted(edges)
        assert 0 <= min(edges) <= max(edges) <= 75
        for segment in row:
            assert all(0 <= time <= 75 for time in segment.get("token_timestamps", []))


def test_cutting_a_window() -> None:
    assert cut([], 60) == ([SegmentSpan(0, 0, 0, None)], None)
    assert cut([1, 2], None) == ([SegmentSpan(0, 2, 0, None)], None)
    assert cut([62, 7, 69], 60) == ([SegmentSpan(0, 3, 2, 9)], None)
    assert cut([62, 7], 60) == ([SegmentSpan(0, 2, 2, None)], None)
    assert cut([60, 1, 65, 67, 2], 60) == ([SegmentSpan(0, 4, 0, 5)], 5)
    assert cut([60, 1, 60, 60], 60) == ([SegmentSpan(0, 4, 0, 0)], None)  # else the same window would be heard forever
    assert cut([60, 1, 65, 65, 2, 70], 60) == ([SegmentSpan(0, 3, 0, 5), SegmentSpan(3, 6, 5, 10)], None)


def test_cheapest_path_is_the_one_that_trying_all_finds() -> None:
    rng = np.random.default_rng(0)
    for _try in range(20):
        cost = rng.normal(size=(3, 4))
        best = None
        for steps in itertools.product([(1, 1), (1, 0), (0, 1)], repeat=5):
            for length in range(2, 6):
                path = [(0, 0), *itertools.accumulate(steps[:length], lambda a, b: (a[0] + b[0], a[1] + b[1]), initial=(0, 0))][
                    1:
                ]
                if path[-1] == (2, 3) and all(i < 3 and j < 4 for i, j in path):
                    total = sum(cost[cell] for cell in path)
                    best = min(best or (total, path), (total, path), key=lambda found: found[0])
        assert best is not None
        assert first_columns(cost) == [min(j for i, j in best[1] if i == row) for row in range(3)]


def test_median_filter() -> None:
    x = torch.tensor([[[5.0, 1.0, 9.0, 2.0, 7.0]]])
    assert median_filter(x, 3).tolist() == [[[1.0, 5.0, 2.0, 7.0, 2.0]]]
    assert torch.equal(median_filter(x, 1), x)
    assert torch.equal(median_filter(x, 11), x)


def test_repetition_compresses() -> None:
    assert compression_ratio([5] * 50, 51865) > 5 > 1 > compression_ratio([1, 2, 3], 51865)
    assert compression_ratio([], 51865) == 0


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "language": ({"language": "klingon"}, InputError, "klingon"),
    "language not here": ({"language": "ja"}, InputError, "<|ja|>"),
    "languages": ({"language": ["en", "fr", "de"]}, InputError, "3 languages .* 2 recordings"),
    "task": ({"task": "sing"}, InputError, "sing"),
    "english": ({"is_multilingual": False, "task": "translate"}, InputError, "English only"),
    "condition": ({"prompt_condition_type": "some", "prompt_ids": PROMPT}, InputError, "some"),
    "all": ({"prompt_condition_type": "all-segments", "prompt_ids": PROMPT}, ArgumentError, "condition_on_prev_tokens"),
    "prompt": ({"prompt_ids": PROMPT[None]}, InputError, "one row"),
    "silence": ({"no_speech_threshold": 0.5}, ArgumentError, "logprob_threshold"),
    "misspelt": ({"languag": "en"}, ArgumentError, "languag"),
    "mask": ({"attention_mask": torch.ones(2, 30)}, InputError, "40"),
    "nothing": ({"input_features": None}, InputError, "input_features"),
    "long": ({"input_features": torch.zeros(1, 8, 50), "return_timestamps": False}, InputError, "return_timestamps=True"),
    "batch": ({"input_features": torch.zeros(2, 8, 50), "return_timestamps": True}, InputError, "attention_mask"),
    "streamer": ({"streamer": object(), "return_timestamps": True}, ArgumentError, "streamer"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_calls_are_refused(models: tuple[Any, Any], case: str) -> None:
    options, kind, match = WRONG[case]
    with pytest.raises(kind, match=match):
        models[1].generate(**{"input_features": sound(), **options})


def test_what_the_checkpoint_lacks_is_named(tmp_path: Path) -> None:
    bare = WhisperForConditionalGeneration(WhisperConfig(**config(20)))
    assert bare.generate(sound(), max_new_tokens=2).shape == (2, 2)
    for options, lacking in (
        ({"return_timestamps": True}, "no_timestamps_token_id"),
        ({"return_token_timestamps": True}, "alignment_heads"),
    ):
        with pytest.raises(InputError, match=lacking):
            bare.generate(sound(), **options)
    with pytest.raises(InputError, match="lang_to_id"):
        bare.detect_language(sound())


@pytest.mark.parametrize("options", [{}, {"num_return_sequences": 2}, {"num_beams": 2}], ids=str)
def test_a_seed_belongs_to_the_recording(models: tuple[Any, Any], options: dict[str, Any]) -> None:
    """Drawn tokens do not depend on what else is heard, be it in other rows or later windows."""
    ours, copies = models[1], options.get("num_return_sequences", 1)
    asked = {"language": "en", "do_sample": True, "return_timestamps": True, **options}
    for features, seeds in ((sound(), 5), (sound(), [5, 6]), (sound(frames=100), [5, 6])):
        mask = (
            {}
            if features.shape[2] <= 40
            else {"attention_mask": torch.ones(2, 100, dtype=torch.int64).index_fill_(1, torch.arange(70, 100), 0)}
        )
        if mask:
            mask["attention_mask"][0] = 1
        together = ours.generate(features, seed=seeds, **asked, **mask)
        assert together.shape[0] == 2 * copies
        for row in range(2):
            own = {name: value[row : row + 1] for name, value in mask.items()}
            seed = seeds if isinstance(seeds, int) else seeds[row]
            alone = ours.generate(features[row : row + 1], seed=seed, **asked, **own)
            found = together[copies * row : copies * (row + 1), : alone.shape[1]]
            assert torch.equal(found, alone)
            assert not bool((together[copies * row : copies * (row + 1), alone.shape[1] :] != END).any())
    assert len({tuple(row) for row in together.tolist()}) == 2 * copies
