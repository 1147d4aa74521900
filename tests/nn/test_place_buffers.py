"""`position_ids` and `token_type_ids` of embeddings: the values of the published buffers, outside of files."""

import importlib

import pytest
import torch
import transformers
from kit.families import cases, pair

import bestiary
from bestiary.compat.finder import old_module

FAMILIES = [
    "albert",
    "bert",
    "big_bird",
    "camembert",
    "clip",
    "convbert",
    "data2vec_text",
    "deberta",
    "deberta_v2",
    "distilbert",
    "electra",
    "esm",
    "jina_embeddings_v3",
    "mobilebert",
    "mpnet",
    "nomic_bert",
    "roberta",
    "xlm",
    "xlm_roberta",
    "xlm_roberta_xl",
]
NAMES = ("position_ids", "token_type_ids")


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_the_published_ones(family: str) -> None:
    models = pair(family, next(iter(cases()[family].heads)))
    published = {name: value for name, value in models.reference.named_buffers() if name.split(".")[-1] in NAMES}
    assert published
    for name, value in published.items():
        path, _, last = name.rpartition(".")
        assert torch.equal(getattr(models.ours.get_submodule(path), last), value), name
    assert not [name for name in models.ours.state_dict() if name.split(".")[-1] in NAMES]


def tiny() -> bestiary.BertModel:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return bestiary.BertModel(bestiary.BertConfig(vocab_size=9, max_position_embeddings=7, **sizes)).eval()


def test_what_somebody_puts_there_stays_there() -> None:
    model = tiny()
    longer = torch.arange(12)[None]
    model.embeddings.register_buffer("position_ids", longer, persistent=False)
    assert model.embeddings.position_ids is longer
    assert "embeddings.position_ids" not in model.state_dict()
    assert dict(model.named_buffers())["embeddings.position_ids"] is longer
    model.embeddings.token_type_ids = longer * 0
    assert model.embeddings.token_type_ids.shape == (1, 12)
    with pytest.raises(KeyError, match="word_embeddings"):
        model.embeddings.register_buffer("word_embeddings", longer)
    assert model(torch.tensor([[1, 2]])).last_hidden_state.shape == (1, 2, 16)


def test_on_the_device_of_the_weights() -> None:
    with torch.device("meta"):
        model = tiny()
    assert model.embeddings.position_ids.is_meta
    assert model.to_empty(device="cpu").embeddings.position_ids.tolist() == [[0, 1, 2, 3, 4, 5, 6]]


IDS = torch.tensor([[5, 6, 1, 1], [7, 1, 8, 9]])
ROWS = "create_position_ids_from_input_ids"


@pytest.mark.parametrize("family", ["esm", "mpnet", "longformer"])
def test_rows_of_tokens_and_padding(family: str) -> None:
    path = f"transformers.models.{family}.modeling_{family}"
    ours, theirs = getattr(old_module(path, [ROWS]), ROWS), getattr(importlib.import_module(path), ROWS)
    assert torch.equal(ours(IDS, 1), theirs(IDS, 1))


@pytest.mark.parametrize(("method", "values"), [(ROWS, (IDS, 1, 3)), (ROWS[:-9] + "inputs_embeds", (torch.zeros(2, 4, 3), 1))])
def test_rows_as_embeddings_count_them(method: str, values: tuple[object, ...]) -> None:
    kinds = bestiary.models.roberta.model.RobertaEmbeddings, transformers.models.roberta.modeling_roberta.RobertaEmbeddings
    ours, theirs = (getattr(kind, method)(*values) for kind in kinds)
    assert torch.equal(ours, theirs)
    assert ours.shape == theirs.shape


def test_what_scores_are_bounded_by() -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 9}
    for library in (bestiary, transformers):
        config = library.Gemma2Config(**sizes, head_dim=8, num_key_value_heads=1, attn_logit_softcapping=20.0)
        model = library.Gemma2ForCausalLM(config)
        assert model.model.layers[0].self_attn.attn_logit_softcapping == 20.0
        assert float(model.model.embed_tokens.embed_scale) == model.model.embed_tokens.scalar_embed_scale == 4.0


def test_numbers_of_the_tables_of_gemma3() -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 9}
    kinds = ["full_attention", "sliding_attention"]
    ours, theirs = (
        library.Gemma3ForCausalLM(
            library.Gemma3TextConfig(**sizes, head_dim=8, num_key_value_heads=1, layer_types=kinds)
        ).model.rotary_emb
        for library in (bestiary, transformers)
    )
    for kind in kinds:
        for ending in ("inv_freq", "original_inv_freq", "attention_scaling"):
            torch.testing.assert_close(getattr(ours, f"{kind}_{ending}"), getattr(theirs, f"{kind}_{ending}"))
