"""What importing costs: alone, and beyond `import torch`, beside the reference; each in a process of its own, in turn."""

import statistics
import subprocess
import sys

from measuring import Options, Row, compare

WANTED = "pipeline, AutoModelForCausalLM"


def seconds(statement: str, before: str = "pass") -> float:
    """Seconds that `statement` takes in a new process in which `before` has run."""
    code = f"{before}\nfrom time import perf_counter\nstart = perf_counter()\n{statement}\nprint(perf_counter() - start)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(options: Options) -> list[Row]:
    """`import bestiary` against 0.15 s; names that need torch against 0.3 s beyond torch, and against the reference."""
    statements = {
        "alone": ("import bestiary", "pass"),
        "ours": (f"from bestiary import {WANTED}", "import torch"),
        "theirs": (f"from transformers import {WANTED}", "import torch"),
        "one class, ours": ("from bestiary import BertModel", "import torch"),
        "one class, theirs": ("from transformers import BertModel", "import torch"),
    }
    taken: dict[str, list[float]] = {name: [] for name in statements}
    for turn in range(options.turns + 1):
        for name, (statement, before) in statements.items():
            found = seconds(statement, before)
            if turn:  # the first turn only brings the files into memory
                taken[name].append(found)
    middle = {name: statistics.median(values) for name, values in taken.items()}
    return [
        compare("import bestiary", middle["alone"], 0.15, "s", beside="limit", at_most=1.0),
        compare(f"import {WANTED}, beyond torch", middle["ours"], 0.3, "s", beside="limit", at_most=1.0),
        compare(f"import {WANTED}, beyond torch", middle["ours"], middle["theirs"], "s", at_most=1.0),
        compare("import BertModel, beyond torch", middle["one class, ours"], middle["one class, theirs"], "s", at_most=1.0),
    ]
