"""Diverse and constrained beam search against stored rows of release 4.46.3, and what constraints promise."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.generation import Constraint, ConstraintListState, DisjunctiveConstraint, GenerationConfig, PhrasalConstraint
from bestiary.generation.older.constrained_beam.constraints import round_robin
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration
from bestiary.models.whisper import WhisperConfig
from bestiary.models.whisper.model import WhisperForConditionalGeneration

GOLDEN = Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from make_beams import CONFIGS, CONSTRAINED, GROUPS, cases, prompts  # noqa: E402

ANSWERS = json.loads((GOLDEN / "beams.json").read_text())["answers"]
CLASSES = {"Llama": (LlamaForCausalLM, LlamaConfig), "T5": (T5ForConditionalGeneration, T5Config)}
CACHES = ("dynamic", "static")
CASES = list(zip(cases(), ANSWERS, strict=True))


@pytest.fixture(scope="module")
def models():
    weights, made = load_file(GOLDEN / "beams.safetensors"), {}
    for kind, (model_class, config_class) in CLASSES.items():
        made[kind] = model_class(config_class(**CONFIGS[kind])).eval()
        own = {name.removeprefix(f"{kind}."): value for name, value in weights.items() if name.startswith(f"{kind}.")}
        made[kind].load_state_dict(own, strict=False)
        made[kind].tie_weights()
    return made


def meets(row, options):
    words = options.get("force_words_ids") or []
    made = [DisjunctiveConstraint(one) if isinstance(one[0], list) else PhrasalConstraint(one) for one in words]
    state = ConstraintListState(made)
    state.reset(row)
    return state.completed


@pytest.mark.parametrize(
    ("case", "answer", "cache"),
    [(*pair, cache) for pair in CASES if pair[0][2] in GROUPS for cache in CACHES[: pair[0][1]]],
    ids=lambda value: str(value)[:60],
)
def test_groups(models, case, answer, cache):
    kind, batch, options = case
    asked = {"max_new_tokens": 10, **options, "return_dict_in_generate": True, "output_scores": True}
    got = models[kind].generate(**prompts(kind, batch), cache_implementation=cache, **asked)
    assert got.sequences.tolist() == answer["sequences"]
    torch.testing.assert_close(got.sequences_scores, torch.tensor(answer["scores"]), rtol=1e-5, atol=1e-4)
    steps = models[kind].compute_transition_scores(got.sequences, got.scores, got.beam_indices)
    lengths = (got.beam_indices >= 0).sum(1)
    total = steps.sum(1) / lengths ** options.get("length_penalty", 1.0)
    torch.testing.assert_close(total, got.sequences_scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "answer", "by"),
    [
        (*pair, by)
        for pair in CASES
        if pair[0][2] in CONSTRAINED
        for by in (("force_words_ids", "constraints") if pair[0][1] == 1 else ("force_words_ids",))
    ],
    ids=lambda value: str(value)[:60],
)
def test_constraints(models, case, answer, by):
    """Tokens and scores where all rows of the reference meet their constraints; elsewhere ours come closer, or as close."""
    kind, batch, options = case
    asked = {"max_new_tokens": 10, **options, "return_dict_in_generate": True, "output_scores": True}
    if by == "constraints":
        words = asked.pop("force_words_ids")
        asked["constraints"] = [DisjunctiveConstraint(w) if isinstance(w[0], list) else PhrasalConstraint(w) for w in words]
    met = [meets(row, options) for row in answer["sequences"]]
    if all(met):
        got = models[kind].generate(**prompts(kind, batch), **asked)
        assert got.sequences.tolist() == answer["sequences"]
        torch.testing.assert_close(got.sequences_scores, torch.tensor(answer["scores"]), rtol=1e-5, atol=1e-4)
        return
    with pytest.warns(BestiaryWarning, match="not every returned row meets its constraints"):
        got = models[kind].generate(**prompts(kind, batch), **asked)
    ours = [meets(row, options) for row in got.sequences.tolist()]
    copies = options["num_return_sequences"]
    for first in range(0, len(met), copies):
        mine = ours[first : first + copies]
        assert mine == sorted(mine, reverse=True)
        assert sum(mine) >= sum(met[first : first + copies])


def test_most_cases_are_comparable():
    met = [
        all(meets(row, options) for row in answer["sequences"]) for (_, _, options), answer in CASES if options in CONSTRAINED
    ]
    assert sum(met) > 0.9 * len(met)
    rows = [tuple(row) for (_, _, options), answer in CASES for row in answer["sequences"]]
    assert len(set(rows)) > 0.5 * len(rows)


def test_words_are_not_there_by_chance(models):
    for options in CONSTRAINED:
        free = {name: value for name, value in options.items() if name != "force_words_ids"}
        got = models["Llama"].generate(**prompts("Llama", 4), max_new_tokens=free.pop("max_new_tokens", 10), **free)
        assert not all(meets(row, options) for row in got.tolist())


def test_whisper_hears_words():
    config = WhisperConfig(
        vocab_size=24, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=8, max_source_positions=20, max_target_positions=40,
        decoder_start_token_id=3, eos_token_id=2, pad_token_id=22, bos_token_id=1, init_std=0.4, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config).eval()
    heard = torch.randn(2, 8, 40)
    for row in model.generate(heard, num_beams=5, force_words_ids=[[9, 8], [[12, 4], [20]]], max_new_tokens=12).tolist():
        assert meets(row, {"force_words_ids": [[9, 8], [[12, 4], [20]]]})
    groups = {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 9.0}
    written = model.generate(heard, max_new_tokens=5, return_dict_in_generate=True, **groups)
    assert written.sequences.shape == (2, 6)
    assert len(set(written.beam_indices[:, 0].tolist())) == 2


# constraints --------------------------------------------------------------------------------------------------------------


def test_the_table_of_the_article():
    """Three beams, banks 2, 1, 0: "The is fast", then the better ones of the banks below, then the second of the first."""
    names = ["The dog is", "The dog and", "The nice woman", "The is fast", "The is slow"]
    banks, totals = [1, 0, 0, 2, 0], [-1.2, -1.5, -2.4, -9.0, -8.0]
    assert [names[place] for place in round_robin(banks, totals, 3)] == ["The is fast", "The dog is", "The dog and"]
    assert round_robin([2, 2, 1], [-1.0, -2.0, -9.0], 3) == [0, 2, 1]
    assert round_robin([2, 1, 0], [-1e9, -2.0, -3.0], 2) == [1, 2]


def test_a_phrase_step_by_step():
    phrase = PhrasalConstraint([5, 6, 7])
    assert (phrase.seqlen, phrase.remaining(), phrase.advance()) == (3, 3, 5)
    assert phrase.update(5) == (True, False, False)
    assert (phrase.advance(), phrase.remaining(), phrase.does_advance(6), phrase.does_advance(7)) == (6, 2, True, False)
    assert phrase.copy().remaining() == 3
    assert phrase.copy(stateful=True).remaining() == 2
    assert phrase.update(9) == (False, False, True)
    assert (phrase.remaining(), phrase.advance()) == (3, 5)
    assert [phrase.update(token) for token in (5, 6, 7)][-1] == (True, True, False)
    assert (phrase.completed, phrase.remaining(), phrase.advance()) == (True, 0, None)


def test_a_choice_shares_beginnings():
    choice = DisjunctiveConstraint([[1, 2, 3], [1, 4], [8]])
    assert (choice.seqlen, choice.advance()) == (3, [1, 8])
    choice.update(1)
    assert (choice.advance(), choice.remaining()) == ([2, 4], 2)
    before = choice.copy(stateful=True)
    assert choice.update(4) == (True, True, False)
    assert (before.advance(), before.completed) == ([2, 4], False)
    assert choice.remaining() == 0


def test_the_state_of_a_row():
    """Only tokens in a row count; what is complete stays; a token that breaks a phrase begins nothing."""
    state = ConstraintListState([PhrasalConstraint([5, 6, 7]), DisjunctiveConstraint([[1, 2, 3], [1, 4]])])
    assert (state.get_bank(), state.advance(), state.completed) == (0, [5, 1], False)
    assert state.add(5) == (False, True)
    assert (state.get_bank(), state.advance()) == (1, [6])
    assert state.add(9) == (False, False)
    assert (state.get_bank(), state.advance()) == (0, [1, 5])
    state.reset([5, 5, 6, 7])
    assert state.get_bank() == 0
    state.reset([9, 5, 6, 7, 9, 1])
    assert (state.get_bank(), len(state.complete_constraints), state.advance()) == (4, 1, [2, 4])
    later = state.copy()
    assert later.add(4) == (True, True)
    assert (later.completed, later.advance(), later.get_bank()) == (True, None, 6)
    assert (state.completed, state.get_bank()) == (False, 4)
    assert later.copy(stateful=False).get_bank() == 0


class Twice(Constraint):
    """A token two times in a row."""

    def __init__(self, token):
        self.token, self.seqlen, self.done = token, 2, 0
        super().__init__()

    def advance(self):
        return None if self.completed else self.token

    def does_advance(self, token_id):
        return token_id == self.token

    def update(self, token_id):
        if token_id != self.token:
            self.reset()
            return False, False, True
        self.done += 1
        self.completed = self.done == 2
        return True, self.completed, False

    def reset(self):
        self.done, self.completed = 0, False

    def remaining(self):
        return 2 - self.done

    def copy(self, stateful=False):
        made = Twice(self.token)
        if stateful:
            made.done, made.completed = self.done, self.completed
        return made


def test_a_constraint_of_ones_own(models):
    own = Twice(15)
    asked = {"num_beams": 5, "max_new_tokens": 10, "num_return_sequences": 2}
    got = models["Llama"].generate(**prompts("Llama", 4), constraints=[own], **asked)
    want = models["Llama"].generate(**prompts("Llama", 4), constraints=[PhrasalConstraint([15, 15])], **asked)
    assert torch.equal(got, want)
    assert (own.done, own.completed) == (0, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"advance": lambda self: 3}, "does not take for a step"),
        ({"advance": lambda self: None}, "advance.. returned None"),
        ({"update": lambda self, token: (False, False, False)}, "took no step"),
        ({"update": lambda self, token: (True, False, False)}, "asks for more after"),
        ({"remaining": lambda self: 1}, "1 steps remain"),
    ],
)
def test_a_constraint_that_contradicts_itself(change, words):
    broken = type("Broken", (Twice,), change)
    with pytest.raises(ConfigError, match=words):
        broken(15)


@pytest.mark.parametrize("given", [[], [-1], [1.5], "a", None, [[1]], [True], 3])
def test_what_is_no_phrase(given):
    with pytest.raises(ConfigError, match="phrase"):
        PhrasalConstraint(given)


@pytest.mark.parametrize("given", [[], [-1], [[1], []], [[1, -2]], [[1, 2], [1, 2, 3]], [[1], [1]], "a", None, [[True]]])
def test_what_is_no_choice(given):
    with pytest.raises(ConfigError, match="phrase"):
        DisjunctiveConstraint(given)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"num_beams": 1, "force_words_ids": [[3]]}, ConfigError, "force_words_ids needs num_beams above 1"),
        ({"constraints": [PhrasalConstraint([15])], "num_beams": None}, ConfigError, "constraints needs num_beams above 1"),
        ({"force_words_ids": [[15]], "do_sample": True}, ConfigError, "force_words_ids and do_sample=True exclude"),
        ({"force_words_ids": [[15]], "num_beam_groups": 2, "diversity_penalty": 1.0}, ConfigError, "num_beam_groups=2"),
        ({"force_words_ids": [[15]], "num_return_sequences": 5}, ConfigError, "num_return_sequences=5 is more than"),
        ({"force_words_ids": 15}, ConfigError, "force_words_ids is 15"),
        ({"force_words_ids": [15]}, ConfigError, "a phrase is 15"),
        ({"force_words_ids": [[[15], [-1]]]}, ConfigError, "a phrase holds -1"),
        ({"constraints": [[15]]}, ConfigError, "constraints holds a list"),
        ({"force_words_ids": [[24]]}, ConfigError, "vocabulary of 24 does not have"),
        ({"force_words_ids": [[15, 16]], "suppress_tokens": [16]}, ConfigError, r"suppress_tokens bans \[16\]"),
        ({"force_words_ids": [[15, 2, 16]]}, ConfigError, r"\[2\] ends a row"),
        ({"force_words_ids": [[15, 16], [[17, 18], [20, 21, 21]]], "max_new_tokens": 3}, InputError, "at least 4 tokens"),
        ({"num_beam_groups": 3, "diversity_penalty": 1.0}, ConfigError, "num_beams=4 cannot be split into num_beam_groups=3"),
        ({"num_beam_groups": 2}, ConfigError, "num_beam_groups=2 with diversity_penalty=0.0"),
        (
            {"num_beam_groups": 2, "diversity_penalty": 1.0, "do_sample": True},
            ConfigError,
            "do_sample=True and num_beam_groups",
        ),
    ],
)
def test_clashes_are_refused(models, options, error, words):
    seen = []
    handle = models["Llama"].register_forward_pre_hook(lambda *given: seen.append(0))
    with pytest.raises(error, match=words):
        models["Llama"].generate(**prompts("Llama", 2), **{"num_beams": 4, **options})
    handle.remove()
    assert not seen


def test_constraints_that_are_not_met(models):
    """The likeliest rows come back, with a warning; a row of the batch that is fine stays as it is."""
    options = {"num_beams": 2, "max_new_tokens": 4, "force_words_ids": [[15, 16, 17, 18]], "no_repeat_ngram_size": 2}
    banned = {"bad_words_ids": [[16, 17]]}
    with pytest.warns(BestiaryWarning, match="not every returned row meets"):
        got = models["Llama"].generate(**prompts("Llama", 2), **options, **banned, return_dict_in_generate=True)
    assert got.finish_reasons == ["length", "length"]
    forget_warnings()
    forced = {"num_beams": 3, "max_new_tokens": 4, "force_words_ids": [[15, 16, 17]]}
    with pytest.warns(BestiaryWarning, match="not every"):
        got = models["Llama"].generate(**prompts("Llama", 2), **forced, prefix_allowed_tokens_fn=lambda row, ids: [5, 2])
    assert set(got[:, 6:].flatten().tolist()) <= {5, 2, 22}


def test_an_end_token_in_a_phrase_may_come_last(models):
    got = models["Llama"].generate(
        **prompts("Llama", 4), num_beams=5, max_new_tokens=10, force_words_ids=[[15, 2], [10]], return_dict_in_generate=True
    )
    assert got.finish_reasons == ["eos"] * 4
    assert all([token for token in row if token != 22][-2:] == [15, 2] for row in got.sequences.tolist())


def test_criteria_may_end_rows_before(models):
    asked = {"num_beams": 3, "force_words_ids": [[15, 16]], "max_new_tokens": 8, "return_dict_in_generate": True}
    with pytest.warns(BestiaryWarning, match="not every"):
        got = models["Llama"].generate(**prompts("Llama", 2), **asked, stopping_criteria=[lambda ids, scores: ids[:, -1] == 15])
    assert set(got.finish_reasons) <= {"stopped", "length"}
    assert not bool((got.sequences[:, 7:-1] == 15).any())
    got = models["Llama"].generate(**prompts("Llama", 2), **asked, stopping_criteria=[lambda ids, scores: ids[:, -1] == 16])
    assert got.finish_reasons == ["stopped", "stopped"]
    assert all([token for token in row if token != 22][-2:] == [15, 16] for row in got.sequences.tolist())


def test_settings_can_be_kept_in_a_config(models):
    held = GenerationConfig(num_beams=4, force_words_ids=[[15]], max_new_tokens=6)
    want = models["Llama"].generate(**prompts("Llama", 2), num_beams=4, force_words_ids=[[15]], max_new_tokens=6)
    assert torch.equal(models["Llama"].generate(**prompts("Llama", 2), generation_config=held), want)
    assert held.force_words_ids == [[15]]
