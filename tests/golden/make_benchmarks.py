"""Write `benchmarks.json`: what release 4.46.3 of the published library, the last that has them, makes of small files.

python tests/golden/make_benchmarks.py      # with transformers==4.46.3 and scikit-learn
"""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from transformers import BertTokenizer, data
from transformers.data import datasets, metrics
from transformers.data.metrics import squad_metrics
from transformers.data.processors import glue, squad, utils, xnli

sys.path.insert(0, str(Path(__file__).parents[1]))
from kit import benchmark_cases


class OlderNumpy:
    """Numpy 2 refuses what that release does with a mask that is always empty."""

    def __getattr__(self, name: str) -> Any:
        return (lambda mask: np.atleast_1d(mask).nonzero()) if name == "where" else getattr(np, name)


squad.np = OlderNumpy()
names: dict[str, Any] = {}
for module in (data, datasets, metrics, squad_metrics, glue, squad, utils, xnli):
    names |= vars(module)
with tempfile.TemporaryDirectory() as folder:
    benchmark_cases.write_files(Path(folder))
    tokenizer = BertTokenizer(f"{folder}/vocab.txt")
    tokenizer.max_len = tokenizer.model_max_length  # which that release asks for, and its tokenizers no longer have
    found = benchmark_cases.results(SimpleNamespace(**names), tokenizer, Path(folder))
(Path(__file__).parent / "benchmarks.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
