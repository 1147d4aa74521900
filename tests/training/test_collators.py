"""Data collators beside the reference's, on the same tokenizer's files and with the same draws."""

import numpy as np
import pytest
import torch
import transformers
from kit import checkpoints
from torch.utils.data import DataLoader

import bestiary
from bestiary.core.errors import InputError

TEXTS = ["My name is Sarah and I live in London.", "Hello world", "The quick brown fox"]
KINDS = ("pt", "np")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    checkpoints.wordpiece().save_pretrained(folder)
    return bestiary.AutoTokenizer.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)


def same(ours, theirs):
    """Whether two batches hold the same columns of the same kind, dtype and numbers."""
    assert set(ours) == set(theirs)
    for name in ours:
        a, b = ours[name], theirs[name]
        assert type(a) is type(b), name
        if isinstance(b, torch.Tensor | np.ndarray):
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b), name)
        else:
            assert a == b, name


def both(name, tokenizers, features, call=(), **options):
    batches = []
    for library, tokenizer in zip((bestiary, transformers), tokenizers, strict=True):
        torch.manual_seed(3)
        np.random.seed(3)
        collator = getattr(library, name)(tokenizer, **options) if tokenizer else getattr(library, name)(**options)
        batches.append(collator([dict(each) if hasattr(each, "keys") else each for each in features(tokenizer)], *call))
    same(*batches)
    return batches[0]


def encoded(tokenizer, **columns):
    rows = [{**tokenizer(text)} for text in TEXTS]
    return [{**row, **{name: values[number] for name, values in columns.items()}} for number, row in enumerate(rows)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"pad_to_multiple_of": 8}, {"padding": "max_length", "max_length": 20}])
def test_padding(tokenizers, options, kind):
    options = {**options, "return_tensors": kind}
    for name in ("label", "label_ids", "labels"):
        batch = both(
            "DataCollatorWithPadding", tokenizers, lambda each, name=name: encoded(each, **{name: [1, 0, 2]}), **options
        )
        assert batch["labels"].tolist() == [1, 0, 2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", ["label", "labels"])
def test_token_classification(tokenizers, name, side, kind):
    def features(tokenizer):
        tokenizer.padding_side = side
        rows = encoded(tokenizer)
        return [{**row, name: list(range(len(row["input_ids"])))} for row in rows]

    batch = both("DataCollatorForTokenClassification", tokenizers, features, (kind,), pad_to_multiple_of=4)
    assert (batch[name] == -100).any()
    both("DataCollatorForTokenClassification", tokenizers, encoded, (kind,))
    for each in tokenizers:
        each.padding_side = "right"


@pytest.mark.parametrize(
    "options", [{}, {"pad_to_multiple_of": 8, "label_pad_token_id": 1}, {"padding": "max_length", "max_length": 20}]
)
@pytest.mark.parametrize("rows", [list, np.array, torch.tensor])
@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")  # of the reference
def test_seq2seq(tokenizers, rows, options):
    def features(tokenizer):
        return encoded(tokenizer, labels=[rows([5, 6, 7]), rows([8]), rows([9, 10])])

    if rows is not torch.tensor:
        both("DataCollatorForSeq2Seq", tokenizers, features, ("np",), **options)
    batch = both("DataCollatorForSeq2Seq", tokenizers, features, **options)
    assert batch["labels"].shape[1] == (options.get("max_length") or options.get("pad_to_multiple_of") or 3)
    assert (
        both("DataCollatorForSeq2Seq", tokenizers, lambda each: encoded(each, labels=[None] * 3), **options)["labels"] is None
    )
    both("DataCollatorForSeq2Seq", tokenizers, encoded, **options)


def test_a_model_makes_its_decoder_input_from_labels(tokenizers):
    features = encoded(tokenizers[0], labels=[[5, 6, 7], [8], [9, 10]])
    folder = checkpoints.t5()
    batches = [
        library.DataCollatorForSeq2Seq(tokenizer, library.T5ForConditionalGeneration.from_pretrained(folder))(features)
        for library, tokenizer in zip((bestiary, transformers), tokenizers, strict=True)
    ]
    same(*batches)
    assert batches[0]["decoder_input_ids"].tolist()[1] == [0, 8, 0]


def test_multiple_choice(tokenizers):
    def features(tokenizer):
        pairs = [tokenizer([text, text], [other, "Hello"]) for text, other in zip(TEXTS, TEXTS[1:] + TEXTS[:1], strict=True)]
        return [{**pair, "label": number % 2} for number, pair in enumerate(pairs)]

    batch = both("DataCollatorForMultipleChoice", tokenizers, features)
    assert batch["input_ids"].shape[:2] == (3, 2)


MASKED = [
    {},
    {"mlm_probability": 0.5},
    {"mlm_probability": 0.6, "mask_replace_prob": 0.5, "random_replace_prob": 0.4},
    {"mlm_probability": 0.6, "mask_replace_prob": 1.0, "random_replace_prob": 0.0},
    {"mlm_probability": 0.6, "mask_replace_prob": 0.0, "random_replace_prob": 1.0},
    {"mlm_probability": 0.6, "seed": 11},
    {"mlm": False},
    {"mlm": False, "pad_to_multiple_of": 8},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", MASKED)
def test_language_modeling(tokenizers, options, kind):
    name = "DataCollatorForLanguageModeling"
    batch = both(name, tokenizers, encoded, return_tensors=kind, **options)
    assert (batch["labels"] == -100).any()
    assert "mlm_probability" not in options or (batch["labels"] != -100).any()
    with_mask = lambda tokenizer: [{**tokenizer(text, return_special_tokens_mask=True)} for text in TEXTS]  # noqa: E731
    both(name, tokenizers, with_mask, return_tensors=kind, **options)
    rows = lambda tokenizer: [torch.tensor(tokenizer(text)["input_ids"]) for text in TEXTS]  # noqa: E731
    both(name, tokenizers, rows, return_tensors="pt", **options)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_words_are_hidden(tokenizers, kind):
    def features(tokenizer):
        text = "quickly unquick brownish foxes"
        options = {"return_special_tokens_mask": True, "return_offsets_mapping": True}
        return [{**tokenizer(text, **options)} for _ in range(3)]

    options = {"whole_word_mask": True, "mask_replace_prob": 1.0, "random_replace_prob": 0.0, "mlm_probability": 0.4}
    batch = both("DataCollatorForLanguageModeling", tokenizers, features, return_tensors=kind, **options)
    words = tokenizers[0]("quickly unquick brownish foxes").word_ids()
    for row in np.asarray(batch["labels"] != -100):
        assert all(
            len({bool(hidden) for hidden, word in zip(row, words, strict=True) if word == each}) == 1 for each in range(4)
        )
    with pytest.warns(UserWarning, match="mask_replace_prob is 1"):
        assert bestiary.DataCollatorForLanguageModeling(tokenizers[0], whole_word_mask=True).random_replace_prob == 0


def test_workers_draw_differently(tokenizers):
    collator = bestiary.DataCollatorForLanguageModeling(tokenizers[0], mlm_probability=0.5, seed=5)
    rows = [{**tokenizers[0](TEXTS[0])}] * 4
    first, second = DataLoader(rows, batch_size=2, collate_fn=collator, num_workers=2)
    assert not torch.equal(first["labels"], second["labels"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mlm_probability": 1.5}, "mlm_probability is 1.5"),
        ({"mlm_probability": None}, "mlm_probability is None"),
        ({"mask_replace_prob": 0.9, "random_replace_prob": 0.2}, "more than 1 together"),
        ({"mlm": False, "whole_word_mask": True}, "pass mlm=True"),
    ],
)
def test_what_has_no_meaning_is_refused(tokenizers, options, words):
    with pytest.raises(ValueError, match=words):
        bestiary.DataCollatorForLanguageModeling(tokenizers[0], **options)


def test_a_causal_tokenizer_has_no_mask():
    tokenizer = bestiary.AutoTokenizer.from_pretrained(checkpoints.gpt2())
    with pytest.raises(ValueError, match="no mask token; pass mlm=False"):
        bestiary.DataCollatorForLanguageModeling(tokenizer)


class Example:
    def __init__(self, **values):
        vars(self).update(values)


FEATURES = {
    "numbers": [{"label": 1, "x": [1, 2]}, {"label": 0, "x": [3, 4]}],
    "fractions": [{"label": 0.5, "x": [1.5, 2], "text": "a"}, {"label": 1.0, "x": [3, 4], "text": "b"}],
    "rows": [{"label_ids": [1, 2], "x": 1}, {"label_ids": [3, 4], "x": 2}],
    "tensors": [{"label": torch.tensor(1), "x": torch.ones(2)}, {"label": torch.tensor(0), "x": torch.zeros(2)}],
    "arrays": [{"label": np.int64(1), "x": np.ones(2)}, {"label": np.int64(0), "x": np.zeros(2)}],
    "objects": [Example(label=1, x=[1, 2]), Example(label=0, x=[3, 4])],
    "none": [{"label": None, "x": 1, "y": None}, {"label": None, "x": 2, "y": None}],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FEATURES)
def test_default(name, kind):
    features = FEATURES[name]
    if (name, kind) == ("tensors", "np"):
        features = [{**each, "label": each["label"].item()} for each in features]  # there, whole numbers become fractions
    ours = bestiary.default_data_collator(features, kind)
    same(ours, transformers.default_data_collator(features, kind))
    same(ours, bestiary.DefaultDataCollator(return_tensors=kind)(features))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_seq_idx": True, "return_flash_attn_kwargs": True, "position_ids_start": 2},
        {"return_position_ids": False, "separator_id": 7},
    ],
)
def test_flattening(options, kind):
    for features in (
        [{"input_ids": [1, 2, 3]}, {"input_ids": [4, 5]}],
        [{"input_ids": torch.tensor([1, 2]), "labels": [6, 7]}, {"input_ids": [4], "labels": np.array([9])}],
    ):
        batch = both("DataCollatorWithFlattening", (None, None), lambda _, rows=features: rows, (kind,), **options)
        assert batch["input_ids"].shape[0] == 1


def test_a_collator_of_ones_own():
    class Own(bestiary.DataCollatorMixin):
        def torch_call(self, features):
            return {"n": torch.tensor(len(features))}

    assert Own()([1, 2])["n"] == 2
    with pytest.raises(ValueError, match="expected 'pt' or 'np'"):
        Own()([1, 2], return_tensors="tf")


def whole_words_only(batch, words):
    for row in np.asarray(batch["labels"] != -100):
        for word in {each for each in words if each is not None}:
            hidden = {bool(here) for here, each in zip(row, words, strict=True) if each == word}
            assert len(hidden) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", ["wordpiece", "bytelevel", "unigram"])
@pytest.mark.parametrize("column", ["", "offset_mapping", "word_ids"])
def test_whole_words_of_every_kind_of_tokenizer(make, column, kind, tmp_path):
    getattr(checkpoints, make)().save_pretrained(tmp_path)
    tokenizer = bestiary.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_special_tokens({"mask_token": "<mask>", "pad_token": "<pad>"})
    text = "quickly unquick brownish foxes jumping"
    encoded = tokenizer(text, return_special_tokens_mask=True, return_offsets_mapping=True)
    words, pieces = encoded.word_ids(), tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    if make == "unigram":  # its words are told by the sign alone
        starts = np.cumsum([piece.startswith("\u2581") for piece in pieces]).tolist()
        words = [None if masked else word for word, masked in zip(starts, encoded["special_tokens_mask"], strict=True)]
    numbered = [each for each in words if each is not None]
    assert len(numbered) > len(set(numbered)) > 3  # some words have several tokens
    row = {"input_ids": encoded["input_ids"], "special_tokens_mask": encoded["special_tokens_mask"]}
    row |= {"offset_mapping": encoded["offset_mapping"]} if column == "offset_mapping" else {}
    row |= {"word_ids": words} if column == "word_ids" else {}
    collator = bestiary.DataCollatorForWholeWordMask(tokenizer, mlm_probability=0.4, return_tensors=kind)
    torch.manual_seed(0)
    np.random.seed(0)
    batch = collator([dict(row) for _ in range(40)])
    whole_words_only(batch, words)
    hidden = np.asarray(batch["labels"] != -100)
    assert 0.25 < hidden[:, [each is not None for each in words]].mean() < 0.55
    assert (np.asarray(batch["input_ids"])[hidden] == tokenizer.mask_token_id).all()
    firsts = {word: words.index(word) for word in numbered}
    patterns = {tuple(bool(each[place]) for place in firsts.values()) for each in hidden}
    assert len(patterns) > 8  # words are hidden each by itself


@pytest.mark.parametrize("options", [{}, {"plm_probability": 0.5, "max_span_length": 3}])
def test_permutation(tokenizers, options):
    def features(tokenizer):
        rows = [{"input_ids": tokenizer(text)["input_ids"]} for text in (*TEXTS, " ".join(TEXTS))]
        odd = max(len(row["input_ids"]) for row in rows) % 2
        return [{"input_ids": [*row["input_ids"], *[9] * odd]} for row in rows]

    name = "DataCollatorForPermutationLanguageModeling"
    batch = both(name, tokenizers, features, **options)
    assert (batch["labels"] != -100).any()
    assert 0 < batch["perm_mask"].mean() < 1
    collator = bestiary.DataCollatorForPermutationLanguageModeling(tokenizers[0], return_tensors="np", **options)
    np.random.seed(0)
    batches = [collator(features(tokenizers[0])) for _ in range(60)]
    words = np.asarray(batches[0]["labels"]).size
    share = np.mean([np.mean(each["labels"] != -100) for each in batches])
    reference = transformers.DataCollatorForPermutationLanguageModeling(tokenizers[1], **options)
    torch.manual_seed(1)
    published = np.mean([np.mean((reference(features(tokenizers[1]))["labels"] != -100).numpy()) for _ in range(60)])
    assert abs(share - published) < 0.03, words
    for each in batches:
        hidden = each["labels"] != -100
        np.testing.assert_array_equal(each["perm_mask"].any(1), hidden)  # whoever is not seen by some is to be predicted
    with pytest.raises(ValueError, match="an odd number"):
        collator([[5, 6, 7]])


@pytest.mark.parametrize("kind", ["pt", "np"])
@pytest.mark.parametrize("name", ["DataCollatorForLanguageModeling", "DataCollatorForPermutationLanguageModeling"])
def test_a_subclass_hides_other_tokens(tokenizers, name, kind):
    """The hook of the published collator gets ids and gives what the batch holds; what it does by itself is the same."""
    batches = []
    for library, tokenizer in zip((bestiary, transformers), tokenizers, strict=True):
        published = getattr(library, name)

        def mask(self, inputs, *args, of=published, **kwargs):
            own = {"pt": of.torch_mask_tokens, "np": of.numpy_mask_tokens}[kind]
            ids, *rest = own(self, inputs.clone() if kind == "pt" else inputs.copy(), *args, **kwargs)
            return ids + 1, *rest

        subclass = type("Own", (published,), {"torch_mask_tokens": mask, "numpy_mask_tokens": mask})
        torch.manual_seed(3)
        np.random.seed(3)
        collator = subclass(tokenizer, return_tensors=kind)
        batches.append(collator([{"input_ids": [2, 5, 6, 7, 8, 3]}, {"input_ids": [2, 9, 10, 11, 12, 3]}]))
        batches[-1] = {each: np.asarray(batches[-1][each]) for each in ("input_ids", "labels")}
    ours, theirs = batches
    own_draws = name.startswith("DataCollatorForPermutation") and kind == "np"  # from NumPy, in an order of their own
    for each in () if own_draws else theirs:
        assert np.array_equal(ours[each], theirs[each])
    hidden = ours["labels"] != -100
    changed = np.where(hidden, ours["input_ids"], tokenizers[0].mask_token_id + 1)
    assert (changed == tokenizers[0].mask_token_id + 1).all() or name == "DataCollatorForLanguageModeling"


def test_sentence_order(tokenizers):
    pair = tokenizers[0]("My name is", "Sarah")
    rows = [{**pair, "sentence_order_label": label} for label in (0, 1)]
    torch.manual_seed(3)
    batch = bestiary.DataCollatorForSOP(tokenizers[0], mlm_probability=0.5)(rows)
    torch.manual_seed(3)
    words = bestiary.DataCollatorForLanguageModeling(tokenizers[0], mlm_probability=0.5)([{**pair}, {**pair}])
    assert batch.pop("sentence_order_label").tolist() == [0, 1]
    same({**batch}, {**words})
    assert batch["token_type_ids"].max() == 1
    with pytest.raises(ValueError, match="expected sentence_order_label"):
        bestiary.DataCollatorForSOP(tokenizers[0])([{**pair}])


def labels_of(tokenizer, rows):
    return bestiary.DataCollatorForLanguageModeling(tokenizer, mlm=False)(rows)["labels"].tolist()


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_last_end_token_is_learned_where_it_is_the_padding_too(side):
    tokenizer = bestiary.AutoTokenizer.from_pretrained(checkpoints.gpt2())
    tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, side
    end, none = tokenizer.eos_token_id, -100

    def on_side(row, fill):
        return [*row, *[none] * fill] if side == "right" else [*[none] * fill, *row]

    texts = [[5, 6, 7, 8, end], [5, end], [9, end, 6], [7]]
    expected = [on_side(text, 5 - len(text)) for text in texts]
    assert labels_of(tokenizer, [{"input_ids": text} for text in texts]) == expected
    assert labels_of(tokenizer, texts) == expected
    assert labels_of(tokenizer, [{"input_ids": text, "attention_mask": [1] * len(text)} for text in texts]) == expected
    padded = tokenizer.pad({"input_ids": texts}, padding="max_length", max_length=7)
    rows = [{name: padded[name][row] for name in padded} for row in range(len(texts))]
    assert labels_of(tokenizer, rows) == [on_side(text, 7 - len(text)) for text in texts]
    if side == "right":  # without a mask, the first of a row of end tokens is the text's own
        bare = [{"input_ids": row["input_ids"]} for row in rows[:2]]
        assert labels_of(tokenizer, bare) == [[*text, *[none] * (7 - len(text))] for text in texts[:2]]


def test_functions_of_the_published_module(tokenizers):
    from transformers.data import data_collator as theirs

    from bestiary.compat import data_collator as ours

    rows = [[5, 6, 7], [8]]
    for name in ("_torch_collate_batch", "_numpy_collate_batch"):
        for multiple in (None, 4):
            values = [
                getattr(module, name)(rows, tokenizer, multiple)
                for module, tokenizer in zip((ours, theirs), tokenizers, strict=True)
            ]
            assert type(values[0]) is type(values[1])
            np.testing.assert_array_equal(*map(np.asarray, values))
    padded = [
        module.pad_without_fast_tokenizer_warning(tokenizer, {"input_ids": rows})
        for module, tokenizer in zip((ours, theirs), tokenizers, strict=True)
    ]
    assert {**padded[0]} == {**padded[1]}
    for value in ([1, 2], torch.tensor([1, 2]), np.array([1, 2])):
        np.testing.assert_array_equal(ours.to_numpy(value), theirs.to_numpy(value))
        assert ours.tolist(value) == [1, 2]


@pytest.mark.parametrize("kind", ["pt", "np"])
def test_later_rows_unlike_the_first_are_named(tokenizers, kind):
    ours = tokenizers[0]
    rows = [{"input_ids": [5, 6], "labels": [1, 2]}, {"input_ids": [7, 8]}]
    for collate in (bestiary.DataCollatorForSeq2Seq(ours), bestiary.DataCollatorForTokenClassification(ours)):
        with pytest.raises(InputError, match="row 1 has no labels, and row 0 has some"):
            collate(rows, return_tensors=kind)
    with pytest.raises(InputError, match="row 1 has no labels, and row 0 has one"):
        bestiary.default_data_collator(rows, kind)
    for make in (list, np.array, torch.tensor):
        ragged = [{"input_ids": make([5, 6])}, {"input_ids": make([5, 6])}, {"input_ids": make([7])}]
        with pytest.raises(InputError, match=r"input_ids of row 2 has size .*DataCollatorWithPadding"):
            bestiary.default_data_collator(ragged, kind)


def test_an_image_processor_pads_no_rows_of_a_training(tmp_path):
    args = {"output_dir": str(tmp_path), "report_to": "none"}
    for library, processor in ((bestiary, bestiary.ViTImageProcessor()), (transformers, transformers.ViTImageProcessorPil())):
        trainer = library.Trainer(torch.nn.Linear(1, 1), library.TrainingArguments(**args), processing_class=processor)
        assert trainer.data_collator is library.default_data_collator
