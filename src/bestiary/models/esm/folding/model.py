"""ESMFold: a protein's structure from its sequence alone. Parameter names are the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ....core.errors import ArgumentError, ConfigError, InputError
from ....core.logging import warn_once
from ....core.outputs import ALWAYS, ModelOutput, Tensors
from ....nn.init import constant
from ....nn.inputs import check_text, check_vocabulary, shown
from ....nn.values import is_true, may_look
from .. import EsmConfig
from ..folding_config import EsmFoldConfig
from ..model import EsmModel, EsmPreTrainedModel
from . import residue_constants as constants
from .atoms import atom14_to_atom37, make_atom14_masks
from .confidence import categorical_lddt, compute_predicted_aligned_error, compute_tm
from .protein import Protein, to_pdb
from .trunk import EsmFoldingTrunk

LDDT_BINS, PAIR_BINS, FURTHEST_ERROR = 50, 64, 31  # bins of lDDT; of distances and errors, the latter up to 31 angstroms
# The trunk's own amino acids: 20 and X, and behind them two more, the second of which is one that is masked.
TRUNK_TOKENS = constants.restype_num + 3
MASKED = TRUNK_TOKENS - 1


@dataclass
class EsmForProteinFoldingOutput(ModelOutput):
    """What N steps of the structure module gave for T residues, what it was made from, and how sure the model is.

    frames (N, B, T, 7), quaternions and shifts of backbones; sidechain_frames (N, B, T, 8, 4, 4); states (N, B, T, D);
    unnormalized_angles and angles (N, B, T, 7, 2), sine and cosine of omega, phi, psi and four chi; positions
    (N, B, T, 14, 3) of atoms, angstroms.
    s_s (B, T, S) and s_z (B, T, T, Z), the trunk's states of residues and pairs.
    distogram_logits (B, T, T, 64) of distances; lm_logits (B, T, 23) of amino acids.
    aatype (B, T), 0 to 20; residue_index (B, T); atom14_atom_exists, residx_atom14_to_atom37 (B, T, 14);
    atom37_atom_exists, residx_atom37_to_atom14 (B, T, 37).
    lddt_head (N, B, T, 37, 50), logits; plddt (B, T, 37), 0 to 1.
    ptm_logits and aligned_confidence_probs (B, T, T, 64); predicted_aligned_error (B, T, T) and
    max_predicted_aligned_error (), angstroms; ptm (), 0 to 1, of the best residue of the batch.
    mlm_targets (B, T), the amino acids that `masking_pattern` hid, 0 elsewhere; hidden_states and attentions of the language
    model, if these were asked for.
    """

    frames: Tensor = ALWAYS
    sidechain_frames: Tensor = ALWAYS
    unnormalized_angles: Tensor = ALWAYS
    angles: Tensor = ALWAYS
    positions: Tensor = ALWAYS
    states: Tensor = ALWAYS
    s_s: Tensor = ALWAYS
    s_z: Tensor = ALWAYS
    distogram_logits: Tensor = ALWAYS
    lm_logits: Tensor = ALWAYS
    aatype: Tensor = ALWAYS
    atom14_atom_exists: Tensor = ALWAYS
    residx_atom14_to_atom37: Tensor = ALWAYS
    residx_atom37_to_atom14: Tensor = ALWAYS
    atom37_atom_exists: Tensor = ALWAYS
    residue_index: Tensor = ALWAYS
    lddt_head: Tensor = ALWAYS
    plddt: Tensor = ALWAYS
    ptm_logits: Tensor = ALWAYS
    ptm: Tensor = ALWAYS
    aligned_confidence_probs: Tensor = ALWAYS
    predicted_aligned_error: Tensor = ALWAYS
    max_predicted_aligned_error: Tensor = ALWAYS
    mlm_targets: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class EsmFoldPreTrainedModel(EsmPreTrainedModel):
    """What models that fold share."""

    _no_split_modules = [
        *EsmPreTrainedModel._no_split_modules,
        "EsmFoldStructureModule",
        "EsmFoldTriangularSelfAttentionBlock",
    ]


class EsmForProteinFolding(EsmFoldPreTrainedModel):
    """ESM-2, whose states of all layers the folding trunk and its structure module turn into a structure.

    Raises:
        ConfigError: the config is not one of a model that folds, or its vocabulary lacks a token that is needed.
    """

    def __init__(self, config: EsmConfig) -> None:
        super().__init__(config)
        if config.esmfold_config is None or config.vocab_list is None:
            raise ConfigError(
                "EsmConfig: is_folding_model is false; EsmForProteinFolding needs a config with is_folding_model=True"
            )
        fold: EsmFoldConfig = config.esmfold_config
        trunk = fold.folding_trunk
        size, pair_size, structure_size = trunk.sequence_state_dim, trunk.pairwise_state_dim, trunk.structure.sequence_dim
        self.esm = EsmModel(config, add_pooling_layer=False)
        self.esm.requires_grad_(False)
        for part, dtype in self.part_dtypes().items():
            self.get_submodule(part).to(dtype)
        tokens = self._tokens_of_esm(config.vocab_list)
        self.register_buffer("af2_to_esm", torch.tensor(tokens))
        self.esm_s_combine = nn.Parameter(torch.zeros(config.num_hidden_layers + 1))
        self.starts = {"esm_s_combine": constant(0.0), "af2_to_esm": lambda numbers: numbers.copy_(torch.tensor(tokens))}
        self.esm_s_mlp = nn.Sequential(
            nn.LayerNorm(config.hidden_size), nn.Linear(config.hidden_size, size), nn.ReLU(), nn.Linear(size, size)
        )
        self.embedding = nn.Embedding(TRUNK_TOKENS, size, padding_idx=0) if fold.embed_aa else None
        self.trunk = EsmFoldingTrunk(trunk)
        self.distogram_head, self.ptm_head = nn.Linear(pair_size, PAIR_BINS), nn.Linear(pair_size, PAIR_BINS)
        self.lm_head = nn.Linear(size, TRUNK_TOKENS)
        width = fold.lddt_head_hid_dim
        layers = (nn.Linear(structure_size, width), nn.Linear(width, width), nn.Linear(width, 37 * LDDT_BINS))
        self.lddt_head = nn.Sequential(nn.LayerNorm(structure_size), *layers)

    @staticmethod
    def _tokens_of_esm(vocabulary: Sequence[str]) -> list[int]:
        """ESM's tokens of padding and of the amino acids in the trunk's order."""
        needed = ["<pad>", *constants.restypes_with_x]
        if missing := [token for token in (*needed, "<cls>", "<mask>", "<eos>") if token not in vocabulary]:
            raise ConfigError(
                f"EsmConfig: vocab_list of {len(vocabulary)} tokens lacks {', '.join(missing)}, which folding needs"
            )
        return [list(vocabulary).index(token) for token in needed]

    def part_dtypes(self) -> dict[str, torch.dtype]:
        fold = self.config.esmfold_config
        return {"esm": torch.float16} if fold is not None and fold.fp16_esm else {}

    def token_of_esm(self, token: str) -> int:
        """The id of one of ESM's special tokens."""
        return list(self.config.vocab_list or ()).index(token)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        masking_pattern: Tensor | None = None,
        num_recycles: int | None = None,
    ) -> EsmForProteinFoldingOutput:
        """Fold proteins.

        Args:
            input_ids: amino acids (B, T), 0 to 20 in the order of `residue_constants.restypes_with_x`.
            attention_mask: (B, T), 1 for real ones; padding stands on the right.
            position_ids: their places in the chain (B, T), 0 to T - 1 unless given; leave room between chains.
            masking_pattern: (B, T), 1 where the model shall not see the amino acid, for training.
            num_recycles: how often the trunk runs over what it gave before; None for the config's `max_recycles` runs.

        Raises:
            InputError: of another type or shape, or nothing to fold. OutOfVocabulary: an id that is no amino acid's.
        """
        input_ids, mask = self._checked(input_ids, attention_mask)
        positions = torch.arange(input_ids.shape[1], device=input_ids.device) if position_ids is None else position_ids
        positions = _beside(positions, "position_ids", input_ids)
        seen, targets = input_ids, None
        tokens = self.get_buffer("af2_to_esm")[(input_ids + 1).masked_fill(mask == 0, 0)]
        if masking_pattern is not None:
            hidden = _beside(masking_pattern, "masking_pattern", input_ids) == 1
            seen, targets = input_ids.masked_fill(hidden, MASKED), input_ids.masked_fill(~hidden, 0)
            tokens = tokens.masked_fill(hidden, self.token_of_esm("<mask>"))
        states = self._states_of_esm(tokens)
        states = self.esm_s_mlp(self.esm_s_combine.softmax(0) @ states)
        if self.embedding is not None:
            states = states + self.embedding(seen)
        pairs = states.new_zeros(*input_ids.shape, input_ids.shape[1], self.distogram_head.in_features)
        structure: dict[str, Any] = self.trunk(states, pairs, input_ids, positions, mask, num_recycles)
        structure |= self._heads(structure) | self._atoms(input_ids, mask)
        return EsmForProteinFoldingOutput(**structure, residue_index=positions, mlm_targets=targets)

    def _checked(self, ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The amino acids (B, T), padding of any id as a tokenizer gives it among them, and the mask (B, T) of ones and zeros.

        It warns of padding in front of what is real.
        """
        check_text(ids, mask)
        known = len(constants.restypes_with_x)
        mask = torch.ones_like(ids) if mask is None else mask
        if mask.dim() != 2:
            raise InputError(f"attention_mask has shape {tuple(mask.shape)}; expected that of input_ids, {tuple(ids.shape)}")
        mask = (mask != 0).expand(ids.shape).long()
        ids = ids.masked_fill((mask == 0) & (ids >= known), 0)
        check_vocabulary(ids, known)
        if may_look(mask) and is_true((mask.sum(1) == 0).any()):
            raise InputError("attention_mask hides all of a protein; expected at least one amino acid in each row")
        if may_look(mask) and is_true((mask.diff(dim=1) > 0).any()):
            warn_once(
                "padding-first",
                "attention_mask hides amino acids in front of real ones: as published, the token that ends a protein then"
                " stands over one of these. Pad on the right",
            )
        return ids, mask

    def _states_of_esm(self, tokens: Tensor) -> Tensor:
        """The states (B, T, L + 1, D) of all of ESM's layers for its tokens (B, T), between those that begin and end a text."""
        fold: Any = self.config.esmfold_config
        if fold.bypass_lm or fold.esm_ablate_sequence:
            size = (*tokens.shape, len(self.esm_s_combine), self.config.hidden_size)
            return torch.zeros(size, dtype=self.esm_s_combine.dtype, device=tokens.device)
        padding = self.token_of_esm("<pad>")
        tokens = nn.functional.pad(nn.functional.pad(tokens, (1, 0), value=self.token_of_esm("<cls>")), (0, 1), value=padding)
        end = (tokens != padding).sum(1, keepdim=True)
        tokens = tokens.scatter(1, end, self.token_of_esm("<eos>"))
        places = torch.arange(tokens.shape[1], device=tokens.device)[None] if self.esm.rotary_embeddings is not None else None
        mask = (tokens != padding).long()
        output = self.esm(tokens, mask, position_ids=places, output_hidden_states=True, return_dict=True)
        states = torch.stack(list(output.hidden_states or ()), dim=2)[:, 1:-1]
        return states.to(self.esm_s_combine.dtype).detach()

    def _heads(self, structure: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is read off the trunk's states, and off those of the structure module."""
        distances, errors = self.distogram_head(structure["s_z"]), self.ptm_head(structure["s_z"])
        lddt = self.lddt_head(structure["states"]).unflatten(-1, (37, LDDT_BINS))
        return {
            "distogram_logits": (distances + distances.transpose(1, 2)) / 2,
            "lm_logits": self.lm_head(structure["s_s"]),
            "lddt_head": lddt,
            "plddt": categorical_lddt(lddt[-1], LDDT_BINS),
            "ptm_logits": errors,
            "ptm": compute_tm(errors, max_bin=FURTHEST_ERROR, no_bins=PAIR_BINS),
            **compute_predicted_aligned_error(errors, max_bin=FURTHEST_ERROR, no_bins=PAIR_BINS),
        }

    @staticmethod
    def _atoms(aatype: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Which atoms the real amino acids (B, T) have, and where these are in either order."""
        atoms = make_atom14_masks({"aatype": aatype})
        exist = {name: atoms[name] * mask[..., None] for name in ("atom14_atom_exists", "atom37_atom_exists")}
        return {**atoms, **exist}

    @torch.no_grad()
    def infer(self, seqs: str | Sequence[str], position_ids: Tensor | None = None) -> EsmForProteinFoldingOutput:
        """Fold proteins, texts of one capital letter per amino acid; letters that are none count as X.

        Args:
            position_ids: places in the chain (T,) or (B, T), for T of the longest protein.

        Raises:
            InputError: there is no protein, an empty one, or one with anything but capital letters.
        """
        rows = [constants.sequence_to_numbers(text) for text in ([seqs] if isinstance(seqs, str) else seqs)]
        if not rows:
            raise InputError("there is no protein to fold; expected at least one")
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        ids = nn.utils.rnn.pad_sequence([torch.tensor(row, device=self.device) for row in rows], batch_first=True)
        mask = (torch.arange(ids.shape[1], device=self.device) < lengths[:, None]).long()
        output: EsmForProteinFoldingOutput = self(ids, mask, position_ids=position_ids, return_dict=True)
        return output

    @staticmethod
    def output_to_pdb(output: Mapping[str, Any] | EsmForProteinFoldingOutput) -> list[str]:
        """The text of a PDB file for each protein of an output; the B factor of an atom is its plDDT, 0 to 1."""
        arrays = {
            name: output[name].detach().cpu().numpy() for name in ("atom37_atom_exists", "aatype", "residue_index", "plddt")
        }
        atoms = {name: output[name].cpu() for name in ("residx_atom37_to_atom14", "atom37_atom_exists")}
        positions = atom14_to_atom37(output["positions"][-1].detach().cpu(), atoms).numpy()
        fields = (arrays["aatype"], positions, arrays["atom37_atom_exists"], arrays["residue_index"] + 1, arrays["plddt"])
        return [
            to_pdb(Protein(aatype=aatype, atom_positions=places, atom_mask=exists, residue_index=index, b_factors=sure))
            for aatype, places, exists, index, sure in zip(*fields, strict=True)
        ]

    def infer_pdb(self, seqs: str, *args: Any, **kwargs: Any) -> str:
        """The text of a PDB file for one protein; further arguments are those of `infer`.

        Raises:
            ArgumentError: several proteins.
        """
        if not isinstance(seqs, str):
            raise ArgumentError(f"infer_pdb folds one protein, a text; found {type(seqs).__name__}: infer_pdbs folds several")
        return self.output_to_pdb(self.infer(seqs, *args, **kwargs))[0]

    def infer_pdbs(self, seqs: Sequence[str], *args: Any, **kwargs: Any) -> list[str]:
        """The text of a PDB file for each of the proteins; further arguments are those of `infer`."""
        return self.output_to_pdb(self.infer(seqs, *args, **kwargs))


def _beside(numbers: Tensor, name: str, ids: Tensor) -> Tensor:
    """Whole numbers (B, T) that go with the amino acids, from (B, T), (1, T) or (T,).

    Raises:
        InputError: another type or shape.
    """
    if not isinstance(numbers, Tensor) or numbers.is_floating_point() or numbers.is_complex():
        raise InputError(f"{name} is {shown(numbers)}; expected whole numbers of shape {tuple(ids.shape)}")
    numbers = numbers.to(ids.device)
    if (
        numbers.dim() not in (1, 2)
        or numbers.shape[-1] != ids.shape[1]
        or (numbers.dim() == 2 and numbers.shape[0] not in (1, len(ids)))
    ):
        raise InputError(f"{name} have shape {tuple(numbers.shape)}; expected that of input_ids, {tuple(ids.shape)}")
    return numbers.expand(ids.shape)
