"""Watermarks: the reference's scores, tokens and verdicts."""

import pytest
import torch
import transformers
from transformers.generation import logits_process as reference
from transformers.generation import watermarking as reference_detectors

import bestiary
from bestiary import generation as ours
from bestiary.core.errors import ConfigError, InputError
from bestiary.modeling.watermark_detector import BayesianDetectorConfig, BayesianDetectorModel
from bestiary.models.llama import LlamaConfig

VOCAB, KEYS = 64, [654, 400, 836, 123, 340]
SYNTHID = {
    "ngram_len": 3, "keys": KEYS, "sampling_table_size": 2**8, "sampling_table_seed": 3, "context_history_size": 4,
}  # fmt: skip


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


def tokens(seed, rows, length, most=VOCAB):
    return torch.randint(0, most, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scheme", ["lefthash", "selfhash"])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_green_lists(scheme, width):
    settings = {"greenlist_ratio": 0.3, "bias": 1.5, "hashing_key": 97, "seeding_scheme": scheme, "context_width": width}
    mine, theirs = (kind.WatermarkLogitsProcessor(VOCAB, "cpu", **settings) for kind in (ours, reference))
    for seed in range(4):
        ids, scores = tokens(seed, 3, 6), drawn(seed, 3, VOCAB)
        kept = scores.clone()
        torch.testing.assert_close(mine(ids, scores), theirs(ids, scores.clone()), rtol=0, atol=1e-6)
        assert torch.equal(scores, kept)


@pytest.mark.parametrize("scheme", ["lefthash", "selfhash"])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("once", [False, True])
def test_the_detector_counts_what_the_reference_counts(scheme, width, once):
    settings = {"seeding_scheme": scheme, "context_width": width}
    mine = ours.WatermarkDetector(
        LlamaConfig(vocab_size=VOCAB, bos_token_id=1), "cpu", ours.WatermarkingConfig(**settings), ignore_repeated_ngrams=once
    )
    theirs = transformers.WatermarkDetector(
        transformers.LlamaConfig(vocab_size=VOCAB, bos_token_id=1),
        "cpu",
        transformers.WatermarkingConfig(**settings),
        ignore_repeated_ngrams=once,
    )
    for begin in (False, True):
        ids = tokens(5, 3, 20, most=6)
        ids[:, 0] = 1 if begin else 2
        got, want = mine(ids, return_dict=True, z_threshold=0.5), theirs(ids, return_dict=True, z_threshold=0.5)
        for name in vars(want):
            torch.testing.assert_close(torch.as_tensor(getattr(got, name)), torch.as_tensor(getattr(want, name)))
        assert (mine(ids, z_threshold=0.5) == want.prediction).all()


def test_texts_that_cannot_be_judged():
    detector = ours.WatermarkDetector(LlamaConfig(vocab_size=VOCAB, bos_token_id=1), "cpu", {"context_width": 3})
    with pytest.raises(InputError, match="some of the texts begin with"):
        detector(torch.tensor([[1, 2, 3, 4, 5], [2, 2, 3, 4, 5]]))
    with pytest.raises(InputError, match="have 2 tokens; it takes at least 4"):
        detector(torch.tensor([[4, 5]]))
    with pytest.raises(ConfigError, match="reads green lists"):
        ours.WatermarkDetector(LlamaConfig(), "cpu", SYNTHID)


@pytest.mark.parametrize("more", [{}, {"skip_first_ngram_calls": True}, {"debug_mode": True}, {"context_history_size": 1}])
def test_tournaments(more):
    settings = {**SYNTHID, **more}
    mine, theirs = (kind.SynthIDTextWatermarkLogitsProcessor(**settings, device="cpu") for kind in (ours, reference))
    ids, unchanged = tokens(0, 3, 4), 0
    for step in range(25):
        scores = drawn(step, 3, VOCAB)
        scores[0, 5] = -torch.inf
        got, want = mine(ids, scores), theirs(ids, scores.clone())
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
        unchanged += int((got == scores).all(1).sum())
        ids = torch.cat([ids, tokens(100 + step, 3, 1, most=2)], dim=1)  # few tokens, so that contexts repeat
    assert unchanged or more


@pytest.mark.parametrize(("vocab", "length", "rounds"), [(2, 10, 1), (4, 5, 1), (100, 5, 2)])
def test_tournaments_without_a_generation(vocab, length, rounds):
    """A processor that is shown a whole context, then its tokens one after the other."""
    context = tokens(0, 500, length - 1, most=10**9)
    settings = {**SYNTHID, "ngram_len": length, "keys": KEYS[:rounds], "sampling_table_size": 2**16}
    mine, theirs = (kind.SynthIDTextWatermarkLogitsProcessor(**settings, device="cpu") for kind in (ours, reference))
    scores = torch.ones(500, vocab, dtype=torch.float64)
    for shown in (length - 1, *range(1, length)):
        ids = context[:, :shown]
        got = mine(ids, scores)
        torch.testing.assert_close(got, theirs(ids, scores.clone()))
    chosen = torch.multinomial(got.softmax(1), 1, generator=torch.Generator().manual_seed(0))
    mean = float(mine.compute_g_values(torch.cat([context, chosen], dim=1)).double().mean())
    assert mean == pytest.approx(mine.expected_mean_g_value(vocab), abs=0.04)


def test_tournaments_follow_rows_that_move():
    """Beams take over each other's rows; what counts is what the row holds."""
    one = ours.SynthIDTextWatermarkLogitsProcessor(**SYNTHID, device="cpu")
    ids = tokens(0, 2, 4)
    one(ids, drawn(0, 2, VOCAB))
    longer = torch.cat([ids, tokens(1, 2, 3)], dim=1)
    scores = drawn(1, 2, VOCAB)
    torch.testing.assert_close(one(longer.flip(0), scores.flip(0)), one(longer, scores).flip(0))


def test_what_tournaments_are_made_of():
    mine, theirs = (kind.SynthIDTextWatermarkLogitsProcessor(**SYNTHID, device="cpu") for kind in (ours, reference))
    ids = tokens(2, 4, 30, most=5)
    assert torch.equal(mine.compute_g_values(ids), theirs.compute_g_values(ids))
    assert torch.equal(mine.compute_context_repetition_mask(ids), theirs.compute_context_repetition_mask(ids).bool())
    assert torch.equal(mine.compute_eos_token_mask(ids, 4), theirs.compute_eos_token_mask(ids, 4).bool())
    ngrams = ids.unfold(1, 3, 1)
    assert torch.equal(mine.compute_ngram_keys(ngrams), theirs.compute_ngram_keys(ngrams))
    assert mine.expected_mean_g_value(64, 0.3) == pytest.approx(theirs.expected_mean_g_value(64, 0.3))
    with pytest.raises(InputError, match=r"expected \(batch, number, 3\)"):
        mine.compute_ngram_keys(ids.unfold(1, 4, 1))


@pytest.fixture
def detectors(tmp_path):
    config = reference_detectors.BayesianDetectorConfig(watermarking_depth=len(KEYS), base_rate=0.3)
    config.set_detector_information("some/model", SYNTHID)
    torch.manual_seed(0)
    theirs = reference_detectors.BayesianDetectorModel(config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.rand_like(parameter) * 0.3)
    theirs.save_pretrained(tmp_path)
    return BayesianDetectorModel.from_pretrained(tmp_path), theirs


def test_bayes(detectors, tmp_path):
    mine, theirs = detectors
    assert mine.config.watermarking_config == SYNTHID
    assert isinstance(mine.config, BayesianDetectorConfig)
    values = torch.randint(0, 2, (3, 9, len(KEYS)), generator=torch.Generator().manual_seed(0))
    mask = torch.randint(0, 2, (3, 9), generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([1.0, 0.0, 1.0])
    got, want = (model(values, mask, labels=labels, loss_batch_weight=3, return_dict=True) for model in detectors)
    torch.testing.assert_close(got.posterior_probabilities, want.posterior_probabilities)
    torch.testing.assert_close(got.loss, want.loss)
    got.loss.backward()
    want.loss.backward()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    mine.save_pretrained(tmp_path / "again")
    again = BayesianDetectorModel.from_pretrained(tmp_path / "again")
    torch.testing.assert_close(again(values, mask).posterior_probabilities, want.posterior_probabilities)


class Tokenizer:
    eos_token_id = 4


def test_the_trained_detector(detectors):
    ids, found = tokens(3, 4, 30, most=9), []
    for kind, model in zip((bestiary, reference_detectors), detectors, strict=True):
        processor = kind.SynthIDTextWatermarkLogitsProcessor(**model.config.watermarking_config, device="cpu")
        found.append(kind.SynthIDTextWatermarkDetector(model, processor, Tokenizer())(ids))
    torch.testing.assert_close(found[0], found[1][0])


WATERMARKS = [
    {"bias": 4.0},
    {"bias": 4.0, "seeding_scheme": "selfhash", "context_width": 3, "greenlist_ratio": 0.5},
    {},
    SYNTHID,
]


@pytest.mark.parametrize("given", WATERMARKS, ids=str)
@pytest.mark.parametrize(
    "sampling", [{}, {"do_sample": True, "top_k": 20, "temperature": 1.3, "renormalize_logits": True}], ids=str
)
def test_generate(llama, padded, given, sampling):
    mine, theirs = llama
    options = {"max_new_tokens": 25, "eos_token_id": 63, "return_dict_in_generate": True, "output_scores": True, **sampling}
    kind = transformers.SynthIDTextWatermarkingConfig if "keys" in given else transformers.WatermarkingConfig
    torch.manual_seed(0)
    want = theirs.generate(**padded, watermarking_config=kind(**given), **options)
    plain = mine.generate(**padded, **options)
    own = ours.SynthIDTextWatermarkingConfig if "keys" in given else ours.WatermarkingConfig
    for config in (given, own(**given)):
        torch.manual_seed(0)
        got = mine.generate(**padded, watermarking_config=config, **options)
        assert torch.equal(got.sequences, want.sequences)
        assert not torch.equal(got.sequences, plain.sequences)
        for a, b in zip(got.scores, want.scores, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_marked_text_is_found_and_plain_text_is_not(llama, ids):
    mine, config = llama[0], {"bias": 6.0, "seeding_scheme": "selfhash", "context_width": 2}
    options = {"max_new_tokens": 60, "do_sample": True, "eos_token_id": None, "seed": 0, "top_k": 0}
    detector = ours.WatermarkDetector(mine.config, "cpu", config)
    assert detector(mine.generate(ids, watermarking_config=config, **options)[:, 7:]).all()
    assert not detector(mine.generate(ids, **options)[:, 7:]).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"biass": 2.0}, "no value 'biass'. Did you mean 'bias'"),
        ({"seeding_scheme": "left"}, "seeding_scheme is 'left'; expected 'lefthash' or 'selfhash'"),
        ({"greenlist_ratio": 1.5}, "greenlist_ratio is 1.5"),
        ({"context_width": 0}, "context_width is 0"),
        ({"keys": [], "ngram_len": 3}, "keys is "),
        ({"keys": [1], "ngram_len": 1}, "ngram_len is 1"),
        ({"keys": [1], "sampling_table_size": 2**25}, "sampling_table_size is 33554432"),
        (3, "watermarking_config is a int"),
    ],
)
def test_watermarks_that_are_none(llama, ids, given, message):
    with pytest.raises(ConfigError, match=message):
        llama[0].generate(ids, watermarking_config=given)


def test_settings_are_kept(tmp_path):
    for config in (ours.WatermarkingConfig(bias=1.0), ours.SynthIDTextWatermarkingConfig(ngram_len=4, keys=[1, 2])):
        ours.GenerationConfig(watermarking_config=config).save_pretrained(tmp_path)
        for source in (tmp_path, {"watermarking_config": config.to_dict()}, {"watermarking_config": config}):
            opened = ours.GenerationConfig.from_pretrained(source) if source is tmp_path else ours.GenerationConfig(**source)
            assert type(opened.watermarking_config) is type(config)
            assert opened.watermarking_config == config
        if isinstance(config, ours.WatermarkingConfig):  # the reference does not open what it saved of the other
            published = transformers.GenerationConfig.from_pretrained(tmp_path).watermarking_config
            assert published.to_dict() == config.to_dict()
        config.to_json_file(tmp_path / "one.json")
        peer = transformers.WatermarkingConfig if isinstance(config, ours.WatermarkingConfig) else None
        assert peer is None or peer.from_dict(config.to_dict()).to_dict() == config.to_dict()
    with pytest.raises(ConfigError):
        ours.WatermarkingConfig().update(context_width=0)
