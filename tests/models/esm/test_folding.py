"""ESMFold beside the reference: padding, chunks, rounds, gradients, the texts of PDB files, and what is refused."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import Pair, close, pair

from bestiary import AutoTokenizer, EsmConfig, EsmForProteinFolding, EsmTokenizer
from bestiary.core.errors import ArgumentError, ConfigError, InputError, OutOfVocabulary
from bestiary.core.logging import BestiaryWarning
from bestiary.models.esm.folding_config import TrunkConfig

PROTEINS = ["MKTAYIAKQR", "GAWX", "PBZUOH"]
GRADED = (
    "frames",
    "angles",
    "positions",
    "states",
    "s_s",
    "s_z",
    "distogram_logits",
    "lm_logits",
    "plddt",
    "ptm_logits",
    "ptm",
)


@pytest.fixture
def models() -> Any:
    models = pair("esm", "EsmForProteinFolding")
    yield models
    set_chunks(models, 4)


def set_chunks(models: Pair, size: int | None) -> None:
    for model in (models.ours, models.reference):
        model.trunk.set_chunk_size(size)


def batch() -> dict[str, torch.Tensor]:
    """Three proteins of nine, six and four amino acids."""
    torch.manual_seed(4)
    ids, mask = torch.randint(0, 21, (3, 9)), torch.ones(3, 9, dtype=torch.long)
    mask[1, 6:] = mask[2, 4:] = 0
    return {"input_ids": ids * mask, "attention_mask": mask}


def same(ours: Any, theirs: Any) -> None:
    """All that the published output holds, in its order, is the same in type and number."""
    assert list(ours)[: len(list(theirs))] == list(theirs)
    for name in theirs:
        assert ours[name].dtype == theirs[name].dtype
        # Angles are of vectors made to a length of 1, of which short ones are rounded more.
        close(ours[name], theirs[name], name, rtol=1e-5, atol=3e-5 if name == "angles" else 1e-5)


@pytest.mark.parametrize("chunk_size", [None, 1, 4, 100])
@torch.no_grad()
def test_padded_proteins_fold_alike_in_chunks_and_at_once(models: Pair, chunk_size: int | None) -> None:
    set_chunks(models, chunk_size)
    same(models.ours(**batch()), models.reference(**batch()))


@pytest.mark.parametrize(
    "options", [{"num_recycles": 0}, {"num_recycles": 3}, {"position_ids": torch.arange(9).expand(3, 9) * 3 - 4}]
)
@torch.no_grad()
def test_rounds_and_positions(models: Pair, options: dict[str, Any]) -> None:
    same(models.ours(**batch(), **options), models.reference(**batch(), **options))


@torch.no_grad()
def test_a_protein_folds_alone_as_it_does_among_others(models: Pair) -> None:
    inputs = batch()
    together = models.ours(**inputs)
    for row, length in enumerate((9, 6, 4)):
        alone = models.ours(inputs["input_ids"][row : row + 1, :length])
        close(together.positions[:, row, :length], alone.positions[:, 0])
        close(together.plddt[row, :length], alone.plddt[0])
        close(together.s_z[row, :length, :length], alone.s_z[0])
        close(together.predicted_aligned_error[row, :length, :length], alone.predicted_aligned_error[0])


@torch.no_grad()
def test_padding_in_front_is_computed_as_published_and_told(models: Pair) -> None:
    inputs = {name: value.flip(1) for name, value in batch().items()}
    with pytest.warns(BestiaryWarning, match="Pad on the right"):
        ours = models.ours(**inputs)
    same(ours, models.reference(**inputs))


@torch.no_grad()
def test_padding_may_have_any_id(models: Pair) -> None:
    inputs = batch()
    hidden = inputs["attention_mask"] == 0
    close(
        models.ours(inputs["input_ids"].masked_fill(hidden, 23), inputs["attention_mask"]).positions,
        models.ours(**inputs).positions,
    )


def test_gradients_are_those_of_the_reference(models: Pair) -> None:
    """They go through the last round alone, not through the language model, and not from one step's rotations to the next."""
    for model in (models.ours, models.reference):
        output, generator = model(**batch()), torch.Generator().manual_seed(0)
        sum((output[name] * torch.randn(output[name].shape, generator=generator)).mean() for name in GRADED).backward()
    expected = dict(models.reference.named_parameters())
    graded = [name for name, parameter in models.ours.named_parameters() if parameter.grad is not None]
    assert graded == [name for name, parameter in expected.items() if parameter.grad is not None]
    assert not any(name.startswith("esm.") for name in graded)
    for name in graded:
        close(models.ours.get_parameter(name).grad, expected[name].grad, name)
    for model in (models.ours, models.reference):
        model.zero_grad(set_to_none=True)


def test_recomputed_blocks_give_the_same_gradients(models: Pair) -> None:
    model = copy.deepcopy(models.ours)
    gradients = []
    for enable in (model.gradient_checkpointing_disable, model.gradient_checkpointing_enable):
        enable()
        model.train()
        torch.manual_seed(0)
        model(**batch(), num_recycles=0).positions.square().mean().backward()
        gradients.append(model.trunk.blocks[0].tri_mul_out.linear_z.weight.grad.clone())
        model.zero_grad()
    close(gradients[1], gradients[0])
    assert gradients[0].abs().max() > 0


@torch.no_grad()
def test_hidden_amino_acids(models: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published output has no place for the targets that the published forward computes, so that here it gets none."""
    hidden = torch.zeros(3, 9, dtype=torch.long)
    hidden[:, 2:4] = 1
    published = models.reference.bert_mask
    monkeypatch.setattr(models.reference, "bert_mask", lambda *args: (*published(*args)[:2], None))
    ours, theirs = models.ours(**batch(), masking_pattern=hidden), models.reference(**batch(), masking_pattern=hidden)
    same(ours, theirs)
    assert ours.mlm_targets.tolist() == (batch()["input_ids"] * hidden).tolist()
    assert models.ours(**batch()).mlm_targets is None


@torch.no_grad()
def test_states_of_the_language_model_are_given_when_asked_for(models: Pair) -> None:
    output = models.ours(**batch(), output_hidden_states=True)
    assert [tuple(states.shape) for states in output.hidden_states] == [(3, 11, 32)] * 3
    close(output.positions, models.ours(**batch()).positions)


@pytest.mark.parametrize("field", ["esm_ablate_sequence", "embed_aa", "bypass_lm"])
@torch.no_grad()
def test_what_stands_around_the_trunk(models: Pair, field: str) -> None:
    value = field != "embed_aa"
    config, theirs = copy.deepcopy(models.ours.config), copy.deepcopy(models.reference.config)
    for each in (config, theirs):
        setattr(each.esmfold_config, field, value)
    ours = EsmForProteinFolding(config).eval()
    if field == "bypass_lm":  # the published one does not run; what it is to compute is what zeros give
        theirs.esmfold_config.bypass_lm, theirs.esmfold_config.esm_ablate_sequence = False, True
    reference = transformers.EsmForProteinFolding(theirs).eval()
    reference.load_state_dict(ours.state_dict())
    same(ours(**batch()), reference(**batch()))


def test_the_text_of_a_pdb_file(models: Pair) -> None:
    output = models.ours.infer(PROTEINS)
    same(output, models.reference.infer(PROTEINS))
    assert models.ours.output_to_pdb(output) == models.reference.output_to_pdb(output)
    texts = models.ours.infer_pdbs(PROTEINS)
    assert texts == models.reference.infer_pdbs(PROTEINS)
    assert texts[0].count("\n") > 80
    assert models.ours.infer_pdb(PROTEINS[0]) == models.reference.infer_pdb(PROTEINS[0])
    chain = torch.tensor([0, 1, 2, 3, 504, 505, 506, 507, 508, 509])
    assert models.ours.infer_pdb(PROTEINS[0], position_ids=chain) == models.reference.infer_pdb(PROTEINS[0], position_ids=chain)


def test_the_language_model_keeps_half_precision(models: Pair, tmp_path: Path) -> None:
    config = copy.deepcopy(models.reference.config)
    config.esmfold_config.fp16_esm = True
    transformers.EsmForProteinFolding(config).save_pretrained(tmp_path)
    reference = transformers.EsmForProteinFolding.from_pretrained(tmp_path).eval()
    ours = EsmForProteinFolding.from_pretrained(tmp_path)
    for name, tensor in reference.state_dict().items():
        assert torch.equal(tensor, ours.state_dict()[name])
        assert tensor.dtype == ours.state_dict()[name].dtype == (torch.float16 if name.startswith("esm.") else tensor.dtype)
    assert EsmForProteinFolding(ours.config).esm.dtype == torch.float16
    assert EsmForProteinFolding.from_pretrained(tmp_path, dtype="bfloat16").trunk.trunk2sm_s.weight.dtype == torch.bfloat16
    with torch.no_grad():
        close(ours(**batch()).plddt, reference(**batch()).plddt, rtol=1e-3, atol=1e-3)
        whole = EsmForProteinFolding.from_pretrained(tmp_path, dtype="float16")
        assert whole(**batch()).positions.isfinite().all()


def test_published_defaults() -> None:
    with pytest.warns(BestiaryWarning, match="vocabulary of ESM-2"):
        ours: Any = EsmConfig(vocab_size=33, is_folding_model=True)
    theirs = transformers.EsmConfig(vocab_size=33, is_folding_model=True)
    assert ours.vocab_list == theirs.vocab_list
    for path in ("", "trunk", "trunk.structure_module"):
        mine, published = ours.esmfold_config, theirs.esmfold_config
        for part in filter(None, path.split(".")):
            mine, published = getattr(mine, part), getattr(published, part)
        assert type(mine).__name__ == type(published).__name__
        names = {name for name in type(published).__annotations__ if name not in ("trunk", "structure_module")}
        assert len(names) >= 9
        assert {name: getattr(mine, name) for name in names} == {name: getattr(published, name) for name in names}
    plain = EsmConfig(vocab_size=33, esmfold_config={"fp16_esm": False}, vocab_list=["A"])
    assert plain.esmfold_config is None
    assert plain.vocab_list is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"use_esm_attn_map": True}, "use_esm_attn_map"),
        ({"trunk": {"sequence_head_width": 7}}, r"sequence_state_dim \(1024\) is not a multiple"),
        ({"trunk": {"pairwise_state_dim": 33, "pairwise_head_width": 11}}, "even"),
        ({"trunk": {"dropout": 0.5}}, "0.4"),
        ({"trunk": {"structure_module": {"num_angles": 6}}}, "expected 7"),
        ({"trunk": 3}, "trunk"),
    ],
)
def test_configs_of_which_no_model_can_be_made(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        EsmConfig(vocab_size=33, is_folding_model=True, vocab_list=["A"], esmfold_config=values)


def test_a_config_that_does_not_fold_is_refused(models: Pair) -> None:
    with pytest.raises(ConfigError, match="is_folding_model=True"):
        EsmForProteinFolding(EsmConfig(vocab_size=33))
    config = copy.deepcopy(models.ours.config)
    config.vocab_list = ["<pad>", "A"]
    with pytest.raises(ConfigError, match="lacks R, N"):
        EsmForProteinFolding(config)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"input_ids": torch.tensor([[1, 21]])}, "21, outside of the vocabulary of 21"),
        ({"input_ids": torch.zeros(1, 0, dtype=torch.long)}, "at least one token"),
        ({"input_ids": torch.ones(1, 3)}, "whole numbers"),
        ({"attention_mask": torch.ones(2, 3)}, "expected the same|one for each"),
        ({"attention_mask": torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0]])}, "hides all of a protein"),
        ({"attention_mask": torch.ones(2, 1, 4, 4)}, "expected that of input_ids"),
        ({"position_ids": torch.arange(3)}, "expected that of input_ids"),
        ({"position_ids": torch.ones(2, 4)}, "whole numbers"),
        ({"masking_pattern": torch.ones(3, 4, dtype=torch.long)}, "expected that of input_ids"),
        ({"num_recycles": -1}, "num_recycles is -1"),
    ],
)
def test_inputs_that_mean_nothing(models: Pair, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        models.ours(**{"input_ids": torch.ones(2, 4, dtype=torch.long), **inputs})


def test_proteins_that_mean_nothing(models: Pair) -> None:
    for proteins, words in [
        ("", "at least one"),
        (["MK", ""], "at least one"),
        ([], "no protein"),
        ("MKt", "'t' at place 2"),
        ("M K", "' '"),
    ]:
        with pytest.raises(InputError, match=words):
            models.ours.infer(proteins)
    with pytest.raises(ArgumentError, match="infer_pdbs"):
        models.ours.infer_pdb(["MK"])
    with pytest.raises(OutOfVocabulary):
        models.ours(torch.tensor([[-1]]))
    with pytest.raises(ArgumentError, match="chunk_size is 0"):
        models.ours.trunk.set_chunk_size(0)
    trunk = copy.deepcopy(models.ours.trunk)
    trunk.config = TrunkConfig(max_recycles=0)
    with pytest.raises(InputError, match="nothing would run"):
        trunk.rounds(None)


def test_a_vocabulary_of_amino_acids_alone(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join("ARNDCQEGHILKMFPSTWYVX"), encoding="utf-8")
    ours, reference = EsmTokenizer.from_pretrained(tmp_path), transformers.EsmTokenizer.from_pretrained(tmp_path)
    (tmp_path / "saved").mkdir()
    ours.save_pretrained(tmp_path / "saved")
    for tokenizer in (ours, AutoTokenizer.from_pretrained(tmp_path / "saved")):
        for options in ({}, {"add_special_tokens": False}):
            assert dict(tokenizer(PROTEINS[:2], padding=True, **options)) == dict(
                reference(PROTEINS[:2], padding=True, **options)
            )
        assert len(tokenizer) == len(reference)
