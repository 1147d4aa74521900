"""Hyperparameters of what ESMFold adds to ESM: three tables, one inside of the other, in `EsmConfig.esmfold_config`."""

from typing import Annotated, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Range, Rate, Size
from ...modeling.config import PreTrainedConfig

# The tokens of ESM-2, in the order of their ids.
ESM2_VOCABULARY = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>")


class StructureModuleConfig(PreTrainedConfig):
    """Hyperparameters of the structure module.

    `num_heads_ipa` heads of invariant point attention have scalars of width `ipa_dim`, `num_qk_points` points in queries and
    keys, and `num_v_points` in values. Places count in `trans_scale_factor` angstroms. What is masked gets -`inf`; `epsilon`
    keeps lengths above 0.
    """

    sequence_dim: Size = 384
    pairwise_dim: Size = 128
    ipa_dim: Size = 16
    resnet_dim: Size = 128
    num_heads_ipa: Size = 12
    num_qk_points: Size = 4
    num_v_points: Size = 8
    dropout_rate: Rate = 0.1
    num_blocks: Annotated[Depth, Range(1, 2**10)] = 8
    num_transition_layers: Depth = 1
    num_resnet_blocks: Depth = 2
    num_angles: Size = 7
    trans_scale_factor: Amount = 10
    epsilon: Amount = 1e-8
    inf: Amount = 1e5

    def validate(self) -> None:
        super().validate()
        if self.num_angles != 7:
            raise ConfigError(
                f"StructureModuleConfig: num_angles is {self.num_angles}; expected 7, omega, phi, psi and four chi"
            )


class TrunkConfig(PreTrainedConfig):
    """Hyperparameters of the folding trunk.

    Residues further apart than `position_bins` count as that far. The trunk runs `max_recycles` times over what it gave before;
    `chunk_size` rows of pairs meet in attention at once, null for all. `layer_drop` and `cpu_grad_checkpoint` are kept, and
    published models act on neither.
    """

    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"structure_module": StructureModuleConfig}

    num_blocks: Depth = 48
    sequence_state_dim: Size = 1024
    pairwise_state_dim: Size = 128
    sequence_head_width: Size = 32
    pairwise_head_width: Size = 32
    position_bins: Size = 32
    dropout: Annotated[float, Range(0, 0.4)] = 0.0
    layer_drop: Rate = 0.0
    cpu_grad_checkpoint: bool = False
    max_recycles: Count = 4
    chunk_size: Size | None = 128
    structure_module: StructureModuleConfig | None = None

    def validate(self) -> None:
        super().validate()
        for whole, part in (("sequence_state_dim", "sequence_head_width"), ("pairwise_state_dim", "pairwise_head_width")):
            if self.get(whole) % self.get(part):
                raise ConfigError(f"TrunkConfig: {whole} ({self.get(whole)}) is not a multiple of {part} ({self.get(part)})")
        if self.pairwise_state_dim % 2:
            raise ConfigError(f"TrunkConfig: pairwise_state_dim is {self.pairwise_state_dim}; expected an even number")

    @property
    def structure(self) -> StructureModuleConfig:
        """The structure module's hyperparameters, which validation has filled."""
        structure: StructureModuleConfig = self.__dict__["structure_module"]
        return structure


class EsmFoldConfig(PreTrainedConfig):
    """Hyperparameters of what stands around the trunk.

    `fp16_esm`: the language model computes in fp16. `esm_ablate_sequence` and `bypass_lm`: its states count as zero, and it
    does not run. `embed_aa`: the trunk also sees the amino acids themselves. `esm_type`, `esm_ablate_pairwise` and
    `esm_input_dropout` are kept, and published models act on none of them.
    """

    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"trunk": TrunkConfig}

    esm_type: str | None = None
    fp16_esm: bool = True
    use_esm_attn_map: bool = False
    esm_ablate_pairwise: bool = False
    esm_ablate_sequence: bool = False
    esm_input_dropout: Rate = 0.0
    embed_aa: bool = True
    bypass_lm: bool = False
    lddt_head_hid_dim: Size = 128
    trunk: TrunkConfig | None = None

    def validate(self) -> None:
        super().validate()
        if self.use_esm_attn_map:
            raise ConfigError("EsmFoldConfig: use_esm_attn_map is true; no model folds from ESM's attentions, set it to false")

    @property
    def folding_trunk(self) -> TrunkConfig:
        """The trunk's hyperparameters, which validation has filled."""
        trunk: TrunkConfig = self.__dict__["trunk"]
        return trunk
