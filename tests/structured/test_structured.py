"""Every answer that ends by itself has the form asked for; what cannot be kept is refused before the first step."""

import json
import re

import jsonschema
import pytest
import torch
from kit.tiny_models import tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from bestiary.core.errors import ArgumentError, ConfigError, NumericsError
from bestiary.pipelines.opening import pipeline
from bestiary.preprocess.text.token_bytes import written
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast
from bestiary.structured import Choice, Grammar, JsonSchema, Regex
from bestiary.structured.schema import UNSUPPORTED

TEXT = {"type": "string", "maxLength": 6}
DIGIT = {"type": "integer", "minimum": 0, "maximum": 9}
KIND = {"enum": ["red", "green", 3, None]}


def with_keys(required=None, more=False, **properties):
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": more}


TREE = {
    "$defs": {"tree": with_keys(["name"], name=DIGIT, left={"$ref": "#/$defs/tree"})},
    "$ref": "#/$defs/tree",
}
SCHEMAS = [
    {"type": "null"}, {"type": "boolean"}, {"const": "a \"quoted\" text"}, {"const": {"a": [1, 2, {"b": None}]}}, KIND,
    DIGIT, {"type": "integer", "exclusiveMinimum": -5, "maximum": 200}, {"type": "integer", "multipleOf": 7, "maximum": 99},
    {"type": "number", "minimum": 0.5, "maximum": 1.5}, {"type": "number", "minimum": -2, "exclusiveMaximum": 2},
    TEXT, {"type": "string", "minLength": 3, "maxLength": 5}, {"type": "string", "pattern": "^[a-c]{2,4}$"},
    {"type": "string", "pattern": "^日本?$"}, {"type": "string", "format": "date"}, {"type": "string", "format": "uuid"},
    {"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"},
    {"type": ["integer", "null"], "maximum": 9, "minimum": 0},
    {"type": "array", "items": DIGIT, "maxItems": 3}, {"type": "array", "items": KIND, "minItems": 2, "maxItems": 3},
    {"type": "array", "prefixItems": [DIGIT, KIND], "items": False, "minItems": 2}, {"type": "array", "maxItems": 0},
    {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}, "maxItems": 2},
    {"type": "object", "maxProperties": 0}, with_keys(a=DIGIT), with_keys(a=DIGIT, b=KIND), with_keys([], a=DIGIT, b=TEXT),
    with_keys(["b"], a=DIGIT, b={"type": "boolean"}), with_keys(**{"a b": DIGIT, "é\n": {"type": "null"}, "": KIND}),
    with_keys(outer=with_keys(inner=with_keys(x=DIGIT))),
    with_keys(a={"type": "array", "items": with_keys(b=DIGIT), "maxItems": 2}),
    with_keys([], DIGIT, a=KIND), {"type": "object", "patternProperties": {"^x$": DIGIT}, "additionalProperties": False},
    {"type": "object", "additionalProperties": DIGIT, "minProperties": 1, "maxProperties": 1},
    {"anyOf": [DIGIT, {"type": "boolean"}]}, {"oneOf": [{"type": "boolean"}, {"type": "null"}]},
    {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 5}]}, {"anyOf": [with_keys(a=DIGIT), with_keys(b=KIND)]},
    {
        "allOf": [{"properties": {"a": DIGIT}, "required": ["a"]}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}],
        "type": "object", "maxProperties": 2,
    },
    {"$defs": {"d": DIGIT}, "type": "array", "items": {"$ref": "#/$defs/d"}, "minItems": 1, "maxItems": 2},
    {"definitions": {"d": KIND}, "$ref": "#/definitions/d"}, TREE, {"type": "array", "items": {"$ref": "#"}, "maxItems": 1},
    {"title": "T", "description": "d", "default": 1, "examples": [2], "$comment": "c", "deprecated": True, **DIGIT},
    with_keys(**{"a/b": DIGIT, "c~d": DIGIT}), {"enum": ["日本", "😀", "e\u0301", "\\", "\t"]},
    {"enum": [[], {}, [[]], {"a": {}}]}, {"type": ["boolean", "array"], "maxItems": 0}, {"const": -0.5},
    with_keys(kind={"const": "circle"}, radius={"type": "number", "minimum": 0, "maximum": 9},
              note={"anyOf": [TEXT, {"type": "null"}]}),
]  # fmt: skip
SEEDS = list(range(20))


def texts(tokenizer, made, prompt, eos=()):
    """What the rows say before their end."""
    rows = [row[prompt:] for row in made.sequences.tolist()]
    rows = [row[: next((place for place, token in enumerate(row) if token in eos), len(row))] for row in rows]
    return [tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False) for row in rows]


@pytest.fixture(scope="module")
def byte_fallback(request):
    conftest = request.getfixturevalue("makers")
    return PreTrainedTokenizerFast(tokenizer_object=conftest["byte_fallback"](), eos_token="</s>", unk_token="<unk>")


def test_there_are_fifty():
    assert len(SCHEMAS) >= 50
    for schema in SCHEMAS:
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:50])
def test_answers_are_valid(byte_level, byte_fallback, schema):
    """Each schema in batches of 20 rows with 20 seeds, over two models and two kinds of vocabulary, greedy beside it."""
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    ended = 0
    for index, (tokenizer, kind) in enumerate(((byte_level, "llama"), (byte_fallback, "gpt2"))):
        model = tiny(kind, index, len(tokenizer) + 3)
        eos = [1, 5] if tokenizer is byte_level else [2]
        options = {
            "constraint": JsonSchema(schema),
            "tokenizer": tokenizer,
            "eos_token_id": eos,
            "return_dict_in_generate": True,
        }
        prompt = torch.tensor([[30, 40, 50]]).expand(len(SEEDS), -1)
        made = model.generate(prompt, do_sample=True, seed=SEEDS, top_k=0, max_new_tokens=100, **options)
        for text, reason in zip(texts(tokenizer, made, 3, eos), made.finish_reasons, strict=True):
            assert reason in ("eos", "length")
            if reason == "eos":
                validator.validate(json.loads(text))
                ended += 1
        short = model.generate(prompt[:2], max_new_tokens=1, **options)
        assert all(
            reason == "length" or json.loads(text) is not ...
            for text, reason in zip(texts(tokenizer, short, 3, eos), short.finish_reasons, strict=True)
        )
    assert ended >= 5


def test_a_row_that_is_cut_says_so(byte_level):
    made = tiny("llama", 0, len(byte_level)).generate(
        torch.tensor([[30, 40]]),
        constraint={"const": "a long text"},
        tokenizer=byte_level,
        max_new_tokens=4,
        return_dict_in_generate=True,
    )
    assert made.finish_reasons == ["length"]


PATTERNS = [
    r"[a-f]{3}", r"a|bc", r"(?-u:\d){2,4}", r"(foo|bar)(, (foo|bar)){0,2}", r"[^a-z0-9]{1,3}", r"^x[yz]$", r"(?i)yes",
    r"日本{1,3}😀?",
    r"a/b\\c", r"\s?[A-Z]", r"-?(0|[1-9][0-9]{0,2})(\.[0-9])?",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_match_from_end_to_end(byte_level, byte_fallback, pattern):
    for tokenizer in (byte_level, byte_fallback):
        model = tiny("llama", 0, len(tokenizer))
        made = model.generate(
            torch.tensor([[30, 40]]), constraint=Regex(pattern), tokenizer=tokenizer, do_sample=True, top_k=0, seed=0,
            num_return_sequences=12,
            max_new_tokens=40, eos_token_id=tokenizer.eos_token_id or 1, return_dict_in_generate=True,
        )  # fmt: skip
        assert set(made.finish_reasons) == {"eos"}
        found = texts(tokenizer, made, 2)
        plain = pattern.replace("(?-u:\\d)", "[0-9]")
        assert all(re.fullmatch(plain, text) for text in found), found


CHOICES = ["yes", "no", "日本😀", 'é\n"\\', " leading", "trailing ", "a'b", "a", "ab"]


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"do_sample": True, "seed": 1},
        {"num_beams": 4},
        {"num_beams": 3, "do_sample": True, "seed": 0},
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    ],
    ids=str,
)
def test_choices(byte_level, byte_fallback, ways):
    for tokenizer in (byte_level, byte_fallback):
        model = tiny("llama", 3, len(tokenizer))
        options = {
            "tokenizer": tokenizer,
            "eos_token_id": tokenizer.eos_token_id or 1,
            "max_new_tokens": 40,
            "return_dict_in_generate": True,
        }
        prompt = torch.randint(5, 200, (4, 3), generator=torch.Generator().manual_seed(0))
        made = model.generate(prompt, constraint=Choice(CHOICES), **options, **ways)
        assert made.finish_reasons == ["eos"] * 4
        assert set(texts(tokenizer, made, 3)) <= set(CHOICES)
        for text in CHOICES:
            made = model.generate(prompt[:1], constraint=Choice([text]), **options, **ways)
            assert texts(tokenizer, made, 3) == [text]


def test_the_best_beam_is_the_best_choice(byte_level):
    """Among so few texts, beams find the one of the highest mean log probability."""
    model, prompt = tiny("llama", 5, len(byte_level)), torch.tensor([[30, 40, 50]])
    choices = ["yes", "no", "maybe", "never"]
    best = model.generate(
        prompt, constraint=Choice(choices), tokenizer=byte_level, num_beams=64, num_return_sequences=4,
        max_new_tokens=12, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    found = texts(byte_level, best, 3)
    assert set(found) <= set(choices)
    assert best.finish_reasons == ["eos"] * 4


def test_a_row_goes_its_own_way(byte_level):
    model = tiny("llama", 0, len(byte_level))
    prompts = torch.randint(5, 200, (4, 3), generator=torch.Generator().manual_seed(0))
    constraints = [JsonSchema(with_keys(a=DIGIT)), None, Regex("[ab]{5}"), Choice(["yes"])]
    options = {
        "tokenizer": byte_level,
        "max_new_tokens": 80,
        "do_sample": True,
        "seed": [1, 2, 3, 4],
        "return_dict_in_generate": True,
    }
    made = model.generate(prompts, constraint=constraints, num_return_sequences=2, **options)
    found = texts(byte_level, made, 3)
    assert all(json.loads(text)["a"] in range(10) for text in found[:2])
    free = model.generate(prompts[1:2], num_return_sequences=2, **{**options, "seed": [2]})
    assert found[2:4] == texts(byte_level, free, 3)
    assert all(re.fullmatch("[ab]{5}", text) for text in found[4:6])
    assert found[6:] == ["yes", "yes"]
    for index, constraint in enumerate(constraints):
        alone = model.generate(
            prompts[index : index + 1], constraint=constraint, num_return_sequences=2, **{**options, "seed": [index + 1]}
        )
        assert texts(byte_level, alone, 3) == found[2 * index : 2 * index + 2]


def test_grammars(byte_level):
    grammar = 'start: sum\nsum: NUMBER ("+" NUMBER){1,3}\nNUMBER: /[1-9][0-9]?/\n'
    made = tiny("llama", 0, len(byte_level)).generate(
        torch.tensor([[30, 40]]), constraint=Grammar(grammar), tokenizer=byte_level, do_sample=True, seed=0,
        num_return_sequences=6, max_new_tokens=60, return_dict_in_generate=True,
    )  # fmt: skip
    assert made.finish_reasons == ["eos"] * 6
    assert all(re.fullmatch(r"[1-9][0-9]?(\+[1-9][0-9]?){1,3}", text) for text in texts(byte_level, made, 2))


@pytest.mark.parametrize(
    "ways",
    [{"prompt_lookup_num_tokens": 4}, {"cache_implementation": "static"}, {"use_cache": False}],
    ids=str,
)
def test_ways_that_give_the_same(byte_level, ways):
    torch.manual_seed(0)
    model = tiny("llama", 0, len(byte_level))
    prompt = byte_level('{"name": "the name", "name": "the name"}', return_tensors="pt")["input_ids"]
    options = {
        "constraint": with_keys(name=TEXT, other=KIND),
        "tokenizer": byte_level,
        "max_new_tokens": 300,
        "return_dict_in_generate": True,
    }
    made, plain = (model.generate(prompt, **options, **way) for way in (ways, {}))
    jsonschema.validate(json.loads(texts(byte_level, made, prompt.shape[1])[0]), options["constraint"])
    assert torch.equal(made.sequences, plain.sequences)


def test_a_draft_that_does_not_know_the_constraint(byte_level):
    model, draft = tiny("llama", 0, len(byte_level)), tiny("llama", 1, len(byte_level))
    options = {"constraint": with_keys(name=TEXT, other=KIND), "tokenizer": byte_level, "max_new_tokens": 300}
    prompt = torch.tensor([[30, 40, 50]])
    assert torch.equal(model.generate(prompt, assistant_model=draft, **options), model.generate(prompt, **options))


def test_an_encoder_decoder(t5, byte_level):
    tokens = {chr(97 + index): index + 2 for index in range(20)} | {"<s>": 61, "</s>": 1, "{": 40, "}": 41}
    made = t5[0].generate(
        torch.tensor([[5, 6, 7]]),
        constraint=Choice(["abba", "acdc"]),
        tokenizer=words(tokens),
        return_dict_in_generate=True,
        eos_token_id=61,
    )
    assert made.finish_reasons == ["eos"]
    assert texts(words(tokens), made, 1)[0] in ("abba", "acdc")


def words(vocabulary):
    """A vocabulary of whole pieces that are put together as they are."""
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="</s>"))
    made.decoder = decoders.Fuse()
    made.add_special_tokens(["<s>", "</s>"])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", bos_token="<s>")


def test_word_pieces(makers):
    """The words of a WordPiece vocabulary have spaces between them, and none at the beginning."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=makers["word_piece"](), sep_token="[SEP]", unk_token="[UNK]")
    model = tiny("llama", 0, len(tokenizer))
    options = {"tokenizer": tokenizer, "eos_token_id": 2, "max_new_tokens": 30, "return_dict_in_generate": True}
    for pattern in (r"hello( [a-z]{2,4}){2}\.", r"[a-c]+, [x-z]!"):
        made = model.generate(
            torch.tensor([[7, 8]]), constraint=Regex(pattern), do_sample=True, seed=0, num_return_sequences=4, **options
        )
        found = texts(tokenizer, made, 2)
        assert "eos" in made.finish_reasons
        assert all(
            re.fullmatch(pattern, text) for text, reason in zip(found, made.finish_reasons, strict=True) if reason == "eos"
        )
    with pytest.raises(ConfigError, match="can never be met"):
        model.generate(torch.tensor([[7, 8]]), constraint=with_keys(ab=DIGIT), **options)


@pytest.mark.parametrize("kind", ["byte_level", "byte_fallback", "word_piece"])
def test_what_tokens_write_is_what_decoding_writes(makers, kind):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=makers[kind]())
    found = written(tokenizer, len(tokenizer))
    usable = [index for index, text in enumerate(found.after) if text is not None]
    assert len(usable) > 0.9 * len(tokenizer) - 4
    assert found.complete() == (kind != "word_piece")
    drawn = torch.randint(0, len(usable), (300, 6), generator=torch.Generator().manual_seed(0))
    for row in drawn.tolist():
        ids = [usable[index] for index in row]
        pieces = [(found.first or found.after)[ids[0]], *(found.after[index] for index in ids[1:])]
        if None in pieces:
            continue
        want = b"".join(pieces).decode("utf-8", errors="replace")
        if "\ufffd" not in want:
            assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == want


# refusals ----------------------------------------------------------------------------------------------------------------

REFUSED = [
    ({"type": "string", "minlength": 3}, "'minlength', which is no keyword of draft 2020-12. Did you mean 'minLength'"),
    ({"properties": {"a": {"nul": 1}}}, "#/properties/a of the JSON schema has 'nul'"),
    ({"anyOf": [{}, {"items": {"not": {}}}]}, "#/anyOf/1/items of the JSON schema has 'not', which cannot be enforced"),
    ({"type": "string", "format": "regex"}, "#/format of the JSON schema is 'regex'"),
    ({"type": "integer", "format": "int32"}, "'int32' for integer, which cannot be enforced"),
    ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
    ({"type": "string", "minLength": -1}, "minLength of the JSON schema is -1"),
    ({"exclusiveMinimum": True}, "as in draft 4; expected a number"),
    ({"type": "object", "minProperties": 3}, "minProperties of the JSON schema is 3, more than 0 named"),
    ({"oneOf": [{"type": "string"}, {"minLength": 2}]}, "cannot be enforced: oneOf"),
    ({"$ref": "https://example.org/schema"}, "cannot be enforced"),
    ({"$ref": "#/nowhere"}, "does not exist"),
    ({"type": "text"}, "Invalid type: text"),
    ({"x-guidance": {"lenient": True}, "type": "null"}, "'x-guidance'"),
    ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength (5) is greater than maxLength (2)"),
    ({"enum": []}, "Unsatisfiable"),
    ({"allOf": [{"const": "a"}, {"const": "b"}]}, "Unsatisfiable|never be met"),
    (with_keys(a=False), "Unsatisfiable|nothing meets it"),
    ({"$defs": {"n": with_keys(n={"$ref": "#/$defs/n"})}, "$ref": "#/$defs/n"}, "nothing meets it"),
    ({"type": "array", "minItems": 1, "items": {"$ref": "#"}}, "nothing meets it"),
    (False, "the JSON schema is False: nothing meets it"),
    ([], "the JSON schema is []: expected a dictionary"),
]


@pytest.mark.parametrize(("schema", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_schemas_that_are_refused(llama, byte_level, ids, schema, message):
    assert_refused(llama, byte_level, ids, JsonSchema(schema), "|".join(map(re.escape, message.split("|"))))


def assert_refused(llama, tokenizer, ids, constraint, message, error=ConfigError, **options):
    ran = []
    hook = llama[0].model.register_forward_pre_hook(lambda module, args: ran.append(1))
    with pytest.raises(error, match=message):
        llama[0].generate(ids, constraint=constraint, tokenizer=tokenizer, **options)
    hook.remove()
    assert not ran


@pytest.mark.parametrize("keyword", sorted(UNSUPPORTED))
def test_every_keyword_beyond_the_engine_is_refused(llama, byte_level, ids, keyword):
    assert_refused(
        llama, byte_level, ids, {"type": "array", keyword: True}, re.escape(f"has '{keyword}', which cannot be enforced")
    )


OTHERS = [
    (Regex("a(?!b)"), {}, ConfigError, "look-around"),
    (Regex("(a"), {}, ConfigError, "cannot be enforced"),
    (Regex(r"[^\s\S]"), {}, ConfigError, "can never be met"),
    (Grammar("start: foo"), {}, ConfigError, 'unknown name: "foo"'),
    (Grammar('go: "a"'), {}, ConfigError, "no start rule"),
    ({"type": "null"}, {"tokenizer": None}, ArgumentError, "pass tokenizer="),
    ({"type": "null"}, {"eos_token_id": None}, ConfigError, "constraint needs an end token"),
    ({"type": "null"}, {"forced_eos_token_id": 2}, ConfigError, "constraint and forced_eos_token_id=2 exclude each other"),
    ({"type": "null"}, {"min_new_tokens": 2}, ConfigError, "constraint and min_new_tokens=2 exclude each other"),
    (Regex("!|0"), {"penalty_alpha": 0.6, "top_k": 4}, ConfigError, "penalty_alpha=0.6 and constraint exclude each other"),
    (Regex("!|0"), {"dola_layers": "low"}, ConfigError, "dola_layers='low' and constraint exclude each other"),
    ([{"type": "null"}], {}, ArgumentError, "constraint holds 1 constraints for 3 prompts"),
    ("null", {}, ArgumentError, "constraint is 'null'; expected JsonSchema, Regex"),
]


@pytest.mark.parametrize(("constraint", "options", "error", "message"), OTHERS, ids=lambda value: str(value)[:30])
def test_what_is_refused_besides(llama, byte_level, ids, constraint, options, error, message):
    options = {"tokenizer": byte_level, **options}
    assert_refused(llama, options.pop("tokenizer"), ids, constraint, message, error, **options)


def _within(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def _within_itself():
    schema = {"type": "array"}
    schema["items"] = schema
    return schema


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"enum": [float("nan")]}, "is nan; expected a finite"),  # it would pass for null
        ({"const": float("inf")}, "is inf"),
        ({"const": "a\x01b"}, r"control character '\\x01'"),  # the engine would leave it out
        ({"enum": ["\x7f"]}, r"control character '\\x7f'"),
        ({"properties": {"k\x00": {}}}, "control character"),
        ({"const": "\ud800"}, "surrogate"),
        ({"const": 2**70}, "64 bits"),
        ({"const": b"x"}, "is a bytes"),
        ({"enum": [{1}]}, "is a set"),
        ({5: 1}, "the key 5"),
        ({"$ref": 5}, r"\$ref of the JSON schema is 5; expected a text"),
        ({"properties": 5}, "properties of the JSON schema is 5; expected a dictionary"),
        ({"required": 5}, "required of the JSON schema is 5; expected a list"),
        ({"required": [5]}, "expected names of properties"),
        ({"anyOf": 5}, "anyOf of the JSON schema is 5"),
        ({"format": []}, "expected a text"),
        (_within(5000), "deeper than 200"),
        (_within_itself(), "holds itself"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_schemas_that_are_not_json(schema, message):
    with pytest.raises(ConfigError, match=message):
        JsonSchema(schema).grammar()


@pytest.mark.parametrize("kind", [Regex, Choice, Grammar], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("given", [5, None, b"a", "\ud800"], ids=repr)
def test_constraints_made_of_no_text(kind, given):
    with pytest.raises(ConfigError):
        kind(given)


def test_choices_that_are_none():
    for choices in ([], [1], 3):
        with pytest.raises(ConfigError):
            Choice(choices)
    with pytest.raises(ConfigError, match="carries flags"):
        Regex(re.compile("a", re.IGNORECASE)).grammar()


def test_a_vocabulary_that_cannot_spell_it(llama, ids):
    few = words({"<s>": 0, "</s>": 1, "{": 2, '"': 3, "a": 4, ":": 5, "1": 6, "b": 7})
    for constraint in (with_keys(a=DIGIT), Choice(["ac"]), Regex("z")):
        assert_refused(llama, few, ids, constraint, "can never be met", eos_token_id=1)


def test_other_bans_may_leave_nothing(byte_level):
    model = tiny("llama", 0, len(byte_level))
    banned = byte_level("y")["input_ids"]
    with pytest.raises(NumericsError, match="row 0 has nothing to choose from after 0 new tokens"):
        model.generate(
            torch.tensor([[30, 40]]), constraint=Choice(["y"]), tokenizer=byte_level, suppress_tokens=banned, max_new_tokens=5
        )


def test_lengths_of_the_checkpoint_give_way(byte_level):
    model = tiny("llama", 0, len(byte_level))
    model.generation_config.update(min_length=20, forced_eos_token_id=1)
    made = model.generate(
        torch.tensor([[30, 40]]), constraint=Choice(["y"]), tokenizer=byte_level, return_dict_in_generate=True
    )
    assert texts(byte_level, made, 2) == ["y"]
    assert model.generation_config.min_length == 20


def test_nothing_passed_is_changed(byte_level):
    schema = {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}
    kept = json.dumps(schema)
    tiny("llama", 0, len(byte_level)).generate(
        torch.tensor([[30, 40]]), constraint=schema, tokenizer=byte_level, max_new_tokens=3
    )
    assert json.dumps(schema) == kept


def test_byte_level_with_a_prefix_space():
    """A decoder in a sequence, as some checkpoints have it."""
    made = Tokenizer(models.BPE({"a": 0, "Ġ": 1, "b": 2}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    made.decoder = decoders.Sequence([decoders.ByteLevel()])
    assert written(PreTrainedTokenizerFast(tokenizer_object=made), 3).after == [b"a", b" ", b"b"]


def test_the_pipeline(byte_fallback):
    model = tiny("llama", 0, len(byte_fallback))
    model.generation_config.update(eos_token_id=2, pad_token_id=2)
    pipe = pipeline("text-generation", model=model, tokenizer=byte_fallback)
    pattern = r"[a-f]{3}( [0-9]){2}"
    options = {"return_full_text": False, "do_sample": True, "seed": 0, "num_return_sequences": 3, "return_details": True}
    for answers in pipe(["the", "a the "], constraint=Regex(pattern), **options):
        assert len({answer["generated_text"] for answer in answers}) > 1
        for answer in answers:
            assert answer["finish_reason"] == "eos"
            assert re.fullmatch(pattern, answer["generated_text"])
    [answer] = pipe("the", constraint={"const": "a long text"}, max_new_tokens=3, do_sample=False, return_details=True)
    assert answer["finish_reason"] == "length"


def test_requests_in_a_batch(byte_level):
    """Each request of `generate_batch` keeps its own form, and gets the tokens it gets alone."""
    model = tiny("llama", 0, len(byte_level))
    constraints = [JsonSchema(with_keys(a=DIGIT)), Regex("[ab]{5}"), None, Choice(["yes", "no"])]
    requests = [
        {"input_ids": [30 + index, 40], "constraint": constraint, "seed": index, "do_sample": True, "max_new_tokens": 60}
        for index, constraint in enumerate(constraints)
    ]
    found = model.generate_batch(requests, tokenizer=byte_level)
    for index, (request, result) in enumerate(zip(requests, found.values(), strict=True)):
        options = {**request, "input_ids": torch.tensor([request["input_ids"]])}
        alone = model.generate(**options, tokenizer=byte_level)[0, 2:].tolist()
        assert result.generated_tokens == alone[: len(result.generated_tokens)]
        if constraints[index] is not None:
            assert result.finish_reason == "eos"
    assert byte_level.decode(found["req_3"].generated_tokens, skip_special_tokens=True) in ("yes", "no")
    with pytest.raises(ConfigError, match="'not', which cannot be enforced"):
        model.generate_batch([{"input_ids": [3], "constraint": {"not": {}}}], tokenizer=byte_level)
