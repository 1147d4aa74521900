"""What a family's parity case says, and how tiny models of both libraries are made from it.

A case is a file `tests/parity/cases/<model_type>.py` with a variable `CASE`. The generic tests in `tests/parity` run every
head of every case; a family folder without a case fails them, and so does a published class without a head.
"""

import functools
import importlib.util
import inspect
import shutil
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from .elsewhere import weights_only_inside
from .folders import kept_folder

Inputs = dict[str, Any]
# Family -> model type of what the current release of the reference lacks: tests/models/<family> compares it with numbers of an
# earlier one, or with the nearest class that is published.
OF_EARLIER_RELEASES = {"trajectory_transformer": "trajectory_transformer", "transfo_xl": "transfo-xl"}
# Families whose forward takes a session, which keeps what was found, in the place of tensors: tests in tests/models/<family>
# compare them.
OF_SESSIONS = frozenset({"sam2_video"})
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
RECORDED = {"output_hidden_states": True, "output_attentions": True}


@dataclass(frozen=True)
class Head:
    """One published class of a family.

    Attributes:
        inputs: makes the inputs of a forward with padding where the model knows padding (a fixed seed is set before).
        labels: further arguments that make the model compute a loss; the empty dictionary when it has none.
        config: values for the config that only this head needs.
        config_class: name of the config class, when it is not the family's.
        real: for outputs (B, T, ...), which positions hold real tokens: a function of the inputs to (B, T), or None for all.
        generates: whether the class has `generate`.
        hides_padding: whether it hides the padding token where there is no mask, so that there is nothing to warn of.
    """

    inputs: Callable[[], Inputs]
    labels: Callable[[Inputs], Inputs] = lambda inputs: {}
    config: dict[str, Any] = field(default_factory=dict)
    config_class: str | None = None
    real: Callable[[Inputs], torch.Tensor | None] = lambda inputs: inputs.get("attention_mask")
    generates: bool = False
    hides_padding: bool = False


@dataclass(frozen=True)
class Case:
    """A family.

    Attributes:
        config_class: name of the config, the same in both libraries.
        config: its tiny values. variants: name -> values that change it (run with the first head only).
        heads: class name, the same in both libraries -> Head.
        first_position: the position of a text's first token; the one before it is that of padding, if it is not 0.
        reads_padding: whether tokens read their neighbours, padding too, as published, so that batches change rows.
        draws: whether a forward draws random numbers in evaluation too: then both libraries draw the same in every call.
        tables: ends of the names of stored buffers that follow from the config; the models keep them as they are.
        positions_by_mask: whether the reference counts by the mask as we do, so that it is not told positions.
        prepare: what is done to the reference, once it is saved, where it does not compute by itself what is compared.
    """

    config_class: str
    config: dict[str, Any]
    heads: dict[str, Head]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_position: int = 0
    reads_padding: bool = False
    draws: bool = False
    tables: tuple[str, ...] = ()
    positions_by_mask: bool = False
    prepare: Callable[[Any], None] = lambda reference: None


def tokens(vocab: int = 99, batch: int = 3, length: int = 9, first: int = 5, side: str = "right", pad: int = 0) -> Inputs:
    """Random ids (none of the special ones below `first`) and a mask; all rows but one have padding, id `pad`, on one side."""
    ids = torch.randint(first, vocab, (batch, length))
    mask = torch.ones_like(ids)
    for row in range(1, batch):
        cut = slice(length - 2 * row, None) if side == "right" else slice(0, 2 * row)
        mask[row, cut] = 0
    ids[mask == 0] = pad
    return {"input_ids": ids, "attention_mask": mask}


def token_labels(inputs: Inputs) -> Inputs:
    """Labels for every real token: the ids themselves, -100 at padding.

    The first token after left padding has none: a causal model would predict it from padding, which means nothing.
    """
    mask = inputs["attention_mask"]
    real = mask.bool() & torch.cat((mask[:, :1], mask[:, :-1]), dim=1).bool()
    return {"labels": inputs["input_ids"].masked_fill(~real, -100)}


def matched_in_torch(labels: Inputs) -> Inputs:
    """The labels, or none where they are lists of objects, which are matched outside of torch."""
    return {} if any(isinstance(labels.get(name), list) for name in ("labels", "mask_labels")) else labels


def class_labels(count: int, per_token: bool = False) -> Callable[[Inputs], Inputs]:
    """Labels below `count`, one per row or one per token."""

    def make(inputs: Inputs) -> Inputs:
        first = next(value for value in inputs.values() if isinstance(value, torch.Tensor))
        return {"labels": torch.randint(0, count, first.shape[:2] if per_token else first.shape[:1])}

    return make


def span_labels(inputs: Inputs) -> Inputs:
    """First and last token of an answer."""
    batch = len(inputs["input_ids"])
    return {"start_positions": torch.arange(batch), "end_positions": torch.arange(batch) + 2}


@functools.cache
def cases() -> dict[str, Case]:
    """model_type -> case, read from `tests/parity/cases`."""
    by_type = {}
    for path in sorted((Path(__file__).parent.parent / "parity" / "cases").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"case_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        by_type[path.stem] = module.CASE
    return by_type


Row = tuple[str, str, str]
"""(model_type, head, variant): one model of a case."""


def every_row() -> list[Row]:
    """Every head of every case, and every variant with the case's first head."""
    rows = []
    for model_type, case in cases().items():
        rows += [(model_type, head, "") for head in case.heads]
        rows += [(model_type, next(iter(case.heads)), variant) for variant in case.variants]
    return rows


def every_head() -> list[Row]:
    """Every head of every case."""
    return [row for row in every_row() if not row[2]]


def generating_heads() -> list[Row]:
    """Every head that has `generate`."""
    return [row for row in every_head() if cases()[row[0]].heads[row[1]].generates]


def one_each(rows: list[Row]) -> list[Row]:
    """The first row of each family: for checks whose cost forbids more."""
    return list({row[0]: row for row in reversed(rows)}.values())[::-1]


def each(rows: list[Row]) -> Any:
    """Run a test with the pair of each row as `models`. Write it next to the test: the family must come first in its id."""
    return pytest.mark.parametrize("models", rows, indirect=True, ids=["-".join(filter(None, row)) for row in rows])


@dataclass
class Pair:
    """The same tiny model in both libraries, with inputs. `inputs` are ours; see `reference_inputs`.

    `folder` holds the checkpoint, as long as the pair lives. What several tests compare is computed once: `plain`,
    `recorded`, `reference_output`.
    """

    model_type: str
    case: Case
    head: Head
    name: str
    variant: str
    reference: Any
    ours: Any
    folder: Path
    inputs: Inputs
    labels: Inputs

    @property
    def real(self) -> torch.Tensor | None:
        """(B, T) where tokens are real, or None."""
        mask = self.head.real(self.inputs)
        return None if mask is None else mask.bool()

    def positions(self, mask: torch.Tensor) -> torch.Tensor:
        """Positions of the tokens of `mask` (B, T), which are counted from the first real one on, and go on in padding.

        Where the first is not 0, padding has the one before it.
        """
        first, begins = self.case.first_position, mask.argmax(-1, keepdim=True)
        counted = (torch.arange(mask.shape[1]) - begins).clamp(min=0) + first
        return counted.masked_fill(mask == 0, first - 1) if first else counted

    @functools.cached_property
    @torch.no_grad()
    def plain(self) -> Any:
        """What ours gives for the inputs alone."""
        return self.ours(**self.inputs)

    @functools.cached_property
    @torch.no_grad()
    def recorded(self) -> Any:
        """What ours gives for inputs and labels with everything recorded; NaN where a module reads the weights of another."""
        with weights_only_inside(self.ours):
            return self.ours(**self.inputs, **self.labels, **RECORDED)

    @functools.cached_property
    def reference_output(self) -> Any:
        """What the reference gives for inputs and labels with everything recorded; its loss can go backward once."""
        self.reference.requires_grad_(True)  # DETR's freezes stages of its backbone that the paper, and ours, train
        with torch.set_grad_enabled(bool(self.labels)), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # an encoder-decoder tells of a release of years ago
            return self.reference(**self.reference_inputs(), **self.labels, **RECORDED)

    def reference_inputs(self) -> Inputs:
        """The same inputs with explicit positions, which the reference does not derive from the mask by itself."""
        mask, inputs = self.inputs.get("attention_mask"), dict(self.inputs)
        if self.case.positions_by_mask:
            return inputs
        if mask is not None and mask.dim() == 2 and "position_ids" in _parameters(self.reference) and "input_ids" in inputs:
            inputs.setdefault("position_ids", self.positions(mask))
        return inputs


def _parameters(model: Any) -> set[str]:
    return set(inspect.signature(model.forward).parameters)


def encoder_inputs(models: Pair) -> Inputs:
    """The inputs of an encoder-decoder that its encoder takes."""
    return {name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}


def our_class(model_type: str, name: str) -> Any:
    """The class `name` of our family."""
    return getattr(importlib.import_module(f"bestiary.models.{model_type}"), name)


seed = torch.default_generator.manual_seed
"""`torch.manual_seed` for the CPU alone: that keeps a stack for every seed, for devices that might be used one day."""


@functools.lru_cache(maxsize=16)
def pair(model_type: str, name: str, variant: str = "") -> Pair:
    """Tiny random weights made by the reference, saved by it, opened by us. Tests must not change the models.

    Cached: tests of one family follow each other, and the pairs of families long done are dropped with their folders.
    """
    case = cases()[model_type]
    head = case.heads[name]
    values = {**case.config, **head.config, **case.variants.get(variant, {})}
    config = getattr(transformers, head.config_class or case.config_class)(**values)
    seed(0)
    reference = getattr(transformers, name)(config).eval()
    spread(reference, case.tables)
    reference.set_attn_implementation("eager")
    folder = kept_folder(name)
    reference.save_pretrained(folder)
    case.prepare(reference)
    ours = our_class(model_type, name).from_pretrained(folder)
    seed(1)
    inputs = head.inputs()
    models = Pair(model_type, case, head, name, variant, reference, ours, folder, inputs, head.labels(inputs))
    for model in (reference, ours) if case.draws else ():
        model.base_model.register_forward_pre_hook(draw_alike)
    weakref.finalize(models, shutil.rmtree, folder, ignore_errors=True)
    return models


def draw_alike(model: torch.nn.Module, inputs: Any) -> None:
    """Before a forward: from here on the same random numbers, whichever library draws them."""
    seed(2)


@torch.no_grad()
def spread(model: torch.nn.Module, tables: tuple[str, ...] = ()) -> None:
    """Move every trained parameter away from its starting value, so that biases and norms matter and no two are alike.

    Stored buffers (running means and variances) move up, so that variances stay above 0. What no file holds stays, and so do
    buffers whose names end like one of `tables`.
    """
    unsaved = getattr(model, "_keys_to_ignore_on_save", None) or ()
    for name, parameter in model.named_parameters():
        # A table of sines that turns queries and keys is frozen, and no longer one if moved.
        if parameter.is_floating_point() and parameter.requires_grad and name not in unsaved:
            parameter.add_(torch.randn_like(parameter) * 0.05)
    stored = model.state_dict().keys()
    for name, buffer in model.named_buffers():
        if name in stored and buffer.is_floating_point() and not name.endswith(tables):
            buffer.add_(torch.rand_like(buffer) * 0.5)


def close(ours: Any, reference: Any, where: str = "", real: torch.Tensor | None = None, **tolerance: float) -> None:
    """Assert that tensors, or nests of tensors, are equal to 1e-5; at real positions only when `real` (B, T) is given."""
    if isinstance(reference, torch.Tensor):
        assert ours.shape == reference.shape, f"{where}: {tuple(ours.shape)}, expected {tuple(reference.shape)}"
        if real is not None and reference.dim() >= 2 and reference.shape[:2] == real.shape:
            ours, reference = ours[real], reference[real]
        elif real is not None and reference.dim() == 2 and len(reference) == real.numel():  # (B * T, experts) of routers
            ours, reference = ours[real.flatten()], reference[real.flatten()]
        elif (
            real is not None
            and reference.dim() == 4
            and reference.shape[0] == real.shape[0]
            and reference.shape[2] == real.shape[1]
        ):
            ours, reference = ours.transpose(1, 2)[real], reference.transpose(1, 2)[real]
        torch.testing.assert_close(ours, reference, msg=lambda text: f"{where}: {text}", **(tolerance or TOLERANCE))
    elif isinstance(reference, list | tuple):
        assert len(ours) == len(reference), f"{where}: {len(ours)} tensors, expected {len(reference)}"
        for index, (a, b) in enumerate(zip(ours, reference, strict=True)):
            close(a, b, f"{where}[{index}]", real, **tolerance)


@contextmanager
def kernel_of(model: Any, name: str) -> Iterator[None]:
    """`model` with another attention kernel, put back afterwards."""
    before = model.attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
