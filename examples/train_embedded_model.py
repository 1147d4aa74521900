"""Train the small Python-code model that ships inside the package.

    python examples/train_embedded_model.py --out folder

The text is the source of CPython's standard library and of the packages of `PACKAGES` that are installed: whole files, each
function and class by itself, short functions more often, and functions that are a single `return` also on one line. One file
in fifty is held out. A run that was stopped goes on where it was when started again with the same `--out`; `--start` names a
checkpoint to begin from. The folder is then a checkpoint like any other, with its model card.
"""

import argparse
import json
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from embedded_model.card import card
from embedded_model.measures import beginnings, bits_per_byte, choose, prompts
from embedded_model.text import END, PADDING, by_kind, files, files_of_packages, is_held_out, read, tokens, train_tokenizer
from tokenizers import Tokenizer
from torch import Tensor

from bestiary import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Trainer, TrainerCallback, TrainingArguments
from bestiary.core.files import read_json, write_json, write_text
from bestiary.training.checkpoints import get_last_checkpoint

SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
# Kind of text -> the share of windows that are cut from it.
MIX = {"files": 0.15, "pieces": 0.25, "short": 0.4, "one_line": 0.2}


@dataclass
class Settings:
    """What a run is made of; every value can be given on the command line."""

    out: Path
    start: Path = Path()
    source: Path = Path(sysconfig.get_paths()["stdlib"])
    files: int = 0
    vocab: int = 4096
    context: int = 512
    batch: int = 32
    steps: int = 2000
    minutes: float = 600.0
    matrix_rate: float = 0.004
    vector_rate: float = 0.003
    warmup: int = 50
    save_every: int = 50


class Windows(torch.utils.data.Dataset):
    """Rows of `context` ids; row n is the same in every run. Three in four begin where a text does, half of them at the end
    token before it, for prompts come with it or without."""

    def __init__(self, data: dict[str, np.ndarray], end: int, context: int, count: int) -> None:
        self.data = {kind: ids for kind, ids in data.items() if len(ids) > context}
        self.starts = {kind: np.flatnonzero(ids[:-context] == end) for kind, ids in self.data.items()}
        shares = np.array([MIX[kind] for kind in self.data])
        self.shares, self.context, self.count = shares / shares.sum(), context, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        random = np.random.default_rng(index)
        kind = random.choice(list(self.data), p=self.shares)
        ids, starts = self.data[kind], self.starts[kind]
        at = random.integers(0, len(ids) - self.context)
        if len(starts) and random.random() < 0.75:
            at = random.choice(starts) + random.integers(0, 2)
        window = torch.from_numpy(ids[at : at + self.context].astype(np.int64))
        return {"input_ids": window, "labels": window}


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for the matrices of the layers, AdamW for embedding and norms, as one optimizer."""

    def __init__(self, model: LlamaForCausalLM, settings: Settings) -> None:
        named = list(model.named_parameters())
        matrices = [each for name, each in named if each.dim() == 2 and "embed" not in name]
        others = [each for name, each in named if each.dim() != 2 or "embed" in name]
        self.parts = [
            torch.optim.Muon(matrices, lr=settings.matrix_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=settings.vector_rate, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        super().__init__([group for part in self.parts for group in part.param_groups], {})

    def step(self, closure: None = None) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(number): part.state_dict() for number, part in enumerate(self.parts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for number, part in enumerate(self.parts):
            part.load_state_dict(state_dict[str(number)])
        self.param_groups = [group for part in self.parts for group in part.param_groups]


class Pace(TrainerCallback):
    """The schedule: a rise, then down to nothing as steps or minutes go by, whichever ends first; then the training ends.

    The clock stands in the log, so that it goes on with the training.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.began = settings, time.monotonic()

    def passed(self, step: int) -> float:
        """The part of the run that is over, from 0 to 1."""
        return max(step / self.settings.steps, (time.monotonic() - self.began) / 60 / self.settings.minutes)

    def factor(self, step: int) -> float:
        """What the learning rates are multiplied by."""
        return min((step + 1) / self.settings.warmup, 1.0) * max(1.0 - self.passed(step), 0.02)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        self.began = time.monotonic() - max((row.get("seconds", 0.0) for row in state.log_history), default=0.0)
        control.should_training_stop = self.passed(state.global_step) >= 1  # it was over already: measure only
        return control

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.log_history[-1]["seconds"] = round(time.monotonic() - self.began, 1)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if self.passed(state.global_step) >= 1:
            control.should_training_stop = control.should_log = control.should_save = True
        return control


def train(model: LlamaForCausalLM, data: Windows, settings: Settings) -> list[dict[str, float]]:
    """Train in bfloat16 arithmetic with fp32 weights, from the newest checkpoint in `settings.out`. Returns the log."""
    args = TrainingArguments(
        str(settings.out),
        per_device_train_batch_size=settings.batch,
        max_steps=settings.steps,
        bf16=True,
        use_cpu=True,
        train_sampling_strategy="sequential",  # the windows are random already
        logging_steps=10,
        save_steps=settings.save_every,
        save_total_limit=1,
        disable_tqdm=True,
    )
    pace, optimizer = Pace(settings), MuonAndAdamW(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, pace.factor)
    trainer = Trainer(model, args, train_dataset=data, optimizers=(optimizer, schedule), callbacks=[pace])
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(settings.out)))
    model.eval()
    return [row for row in trainer.state.log_history if "loss" in row]


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run from the command line; returns the figures of the model card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in vars(Settings(out=Path())).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, required=name == "out")
    settings = Settings(**vars(parser.parse_args(arguments)))
    settings.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    named, packaged = files(settings.source, settings.files), files_of_packages(settings.files)
    texts = read(path for name, path in (named | packaged).items() if not is_held_out(name))
    file, begins_anew = settings.out / "tokenizer.json", settings.start == Path()
    if not file.exists():
        known = None if begins_anew else Tokenizer.from_file(str(settings.start / "tokenizer.json"))
        (known or train_tokenizer(texts, settings.vocab)).save(str(file))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), bos_token=END, eos_token=END, pad_token=PADDING)
    tokenizer.model_max_length = settings.context
    tokenizer.save_pretrained(settings.out)
    fast = Tokenizer.from_file(str(file))
    data = {kind: tokens(pieces, fast) for kind, pieces in by_kind(texts).items() if pieces}
    print({kind: f"{len(ids) / 1e6:.2f} M tokens" for kind, ids in data.items()}, flush=True)

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SHAPE,
    )
    model = LlamaForCausalLM(config) if begins_anew else LlamaForCausalLM.from_pretrained(settings.start, dtype="float32")
    log = train(model, Windows(data, config.eos_token_id, settings.context, settings.steps * settings.batch), settings)
    model.to(torch.bfloat16).float()  # what is measured is what is stored

    library = read(path for name, path in named.items() if is_held_out(name))
    others = read(path for name, path in packaged.items() if is_held_out(name))
    heads, lines = prompts(library + others, 60), beginnings(by_kind(library + others)["one_line"])
    earlier = {} if begins_anew else read_json(settings.start / "training.json")["figures"]
    figures: dict[str, Any] = {
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "context": settings.context,
        "files": len(texts),
        "held_out_files": len(library + others),
        "before": {name: earlier[name] for name in ("training_tokens", "minutes") if earlier},
        "steps": log[-1]["step"],
        "training_tokens": log[-1]["step"] * settings.batch * settings.context,
        "minutes": log[-1]["seconds"] / 60,
        "final_loss": sum(row["loss"] for row in log[-5:]) / len(log[-5:]),
        "held_out_bits_per_byte": round(bits_per_byte(model, library, fast, settings.context), 4),
        "package_bits_per_byte": round(bits_per_byte(model, others, fast, settings.context), 4),
        "prompts": len(heads),
        "lines": len(lines),
    }
    figures |= choose(model, heads, lines, tokenizer)
    model.to(torch.bfloat16).save_pretrained(settings.out)
    write_json(settings.out / "training.json", {"figures": figures, "log": log[:: max(1, len(log) // 100)]})
    write_text(settings.out / "README.md", card(figures, SHAPE, MIX))
    print(json.dumps(figures))
    return figures


if __name__ == "__main__":
    main()
