"""Pictures: preparing 256 of 640 x 480, batches through three shapes, and masks made of predictions, beside the reference.

Times are seconds of CPU or of the clock, as each row says. Pixels and maps are compared first. The published processors are
those on Pillow and, where torchvision is installed, those on torch. Without timm its rows are left out.
"""

import time
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from measuring import Options, Row, compare, in_turn, new_process, seconds

# Model -> its class, the config of its published size, and timm's name of it.
SHAPES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "vit-base": ("ViTForImageClassification", "ViTConfig", {}, "vit_base_patch16_224"),
    "resnet-50": ("ResNetForImageClassification", "ResNetConfig", {}, "resnet50"),
    "convnext-tiny": ("ConvNextForImageClassification", "ConvNextConfig", {}, "convnext_tiny"),
}
TOLERANCE = 1e-4


def processor_of(library: str, on_torch: bool = False) -> Any:
    """ViT's image processor; the published one on Pillow unless `on_torch`."""
    name = "ViTImageProcessor" if library == "bestiary" or on_torch else "ViTImageProcessorPil"
    return getattr(import_module(library), name)()


def pictures(count: int) -> list[Any]:
    """So many Pillow images of 640 x 480, of random blocks."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 255, (48, 64, 3), np.uint8)).resize((640, 480)) for _ in range(count)]


def prepare(library: str, count: int, on_torch: bool = False) -> float:
    """Seconds of the clock to prepare so many pictures for ViT, as one batch of tensors."""
    given, processor = pictures(count), processor_of(library, on_torch)
    processor(given[:2], return_tensors="pt")
    return seconds(lambda: processor(given, return_tensors="pt"))


def furthest_pixel(count: int) -> float:
    """The largest difference of a prepared pixel."""
    given = pictures(count)
    ours, theirs = (processor_of(name)(given, return_tensors="pt")["pixel_values"] for name in ("bestiary", "transformers"))
    return float((ours - theirs).abs().max())


def model_of(library: str, shape: str) -> Any:
    """The model of this shape with random weights, the same in both libraries; timm's has weights of its own."""
    import torch

    kind, config, values, name = SHAPES[shape]
    torch.manual_seed(0)
    if library == "timm":
        return import_module("timm").create_model(name).eval()
    package = import_module(library)
    return getattr(package, kind)(getattr(package, config)(**values)).eval()


def forward(library: str, shape: str, rows: int, times: int) -> float:
    """Pictures a second of batches of 224 x 224."""
    import torch

    model = model_of(library, shape)
    pixels = torch.randn(rows, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        model(pixels)
        return rows / seconds(lambda: model(pixels), times)


def predictions(queries: int, classes: int = 133) -> Any:
    """Predictions for two pictures: blobs that overlap, a quarter as wide and high as they are drawn."""
    import torch

    random = torch.Generator().manual_seed(0)
    centers = torch.rand(2, queries, 2, generator=random)
    places = torch.stack(torch.meshgrid(torch.linspace(0, 1, 120), torch.linspace(0, 1, 160), indexing="ij"), -1)
    distances = (places[None, None] - centers[:, :, None, None]).norm(dim=-1)
    logits = torch.randn(2, queries, classes + 1, generator=random) * 4
    masks = 4 - distances * 14 + torch.rand(2, queries, 1, 1, generator=random)
    return SimpleNamespace(class_queries_logits=logits, masks_queries_logits=masks)


def draw(library: str, kind: str, queries: int, times: int) -> dict[str, Any]:
    """Seconds of CPU, on one thread, to make maps of 480 x 640 of predictions, and a sum that tells the maps apart."""
    import torch

    torch.set_num_threads(1)
    name = "MaskFormerImageProcessor" if library == "bestiary" else "MaskFormerImageProcessorPil"
    method = getattr(getattr(import_module(library), name)(), f"post_process_{kind}_segmentation")
    options: dict[str, Any] = {"target_sizes": [(480, 640)] * 2} | ({} if kind == "semantic" else {"threshold": 0.3})
    outputs = predictions(queries)
    found, taken = method(outputs, **options), []
    for _ in range(times):
        start = time.process_time()
        method(outputs, **options)
        taken.append(time.process_time() - start)
    maps = [each if kind == "semantic" else each["segmentation"] for each in found]
    places = torch.arange(480 * 640) % 1009
    return {"seconds": min(taken), "sum": sum(float((each.flatten().double() * places).sum()) for each in maps)}


def preparing(options: Options) -> list[Row]:
    """Rows of preparing pictures."""
    count = 8 if options.quick else 256
    apart = new_process(furthest_pixel, count=8)
    if apart > TOLERANCE:
        raise RuntimeError(f"prepared pixels differ by {apart:.1e}")
    peers = {"reference on Pillow": False} | ({"reference on torch": True} if find_spec("torchvision") else {})
    calls = [(prepare, {"library": "bestiary", "count": count})]
    calls += [(prepare, {"library": "transformers", "count": count, "on_torch": on_torch}) for on_torch in peers.values()]
    ours, *others = in_turn(options.turns, *calls)
    speeds = [[count / taken for taken in series] for series in (ours, *others)]
    what = f"preparing {count} pictures of 640 x 480 for ViT"
    return [
        compare(what, speeds[0], speed, "pictures/s", beside=name, at_least=1.5)
        for name, speed in zip(peers, speeds[1:], strict=True)
    ]


def classifying(options: Options) -> list[Row]:
    """Rows of batches through the three shapes."""
    rows, times, found = (2, 1, []) if options.quick else (16, 5, [])
    for shape in ["resnet-50"] if options.quick else SHAPES:
        peers = {"reference": "transformers"} | ({"timm": "timm"} if find_spec("timm") else {})
        calls = [
            (forward, {"library": library, "shape": shape, "rows": rows, "times": times})
            for library in ("bestiary", *peers.values())
        ]
        ours, *others = in_turn(options.turns, *calls)
        found += [
            compare(f"{shape}, batches of {rows}, fp32", ours, speed, "pictures/s", beside=name, at_least=1.0)
            for name, speed in zip(peers, others, strict=True)
        ]
    return found


def drawing(options: Options) -> list[Row]:
    """Rows of maps made of predictions."""
    queries, times, found = (10, 1, []) if options.quick else (100, 3, [])
    for kind in ("semantic", "instance", "panoptic"):
        shared = {"kind": kind, "queries": queries, "times": times}
        calls = [(draw, {"library": library, **shared}) for library in ("bestiary", "transformers")]
        ours, theirs = in_turn(options.turns, *calls)
        if ours[0]["sum"] != theirs[0]["sum"]:
            raise RuntimeError(f"the {kind} maps differ")
        times_taken = [[each["seconds"] for each in series] for series in (theirs, ours)]
        what = f"{kind} maps of 480 x 640, {queries} queries, two pictures: times as fast, in seconds of CPU"
        found.append(compare(what, *times_taken, "s", beside="ours; left is the reference", at_least=2.0))
    return found


def measure(options: Options = Options()) -> list[Row]:
    return [*preparing(options), *classifying(options), *drawing(options)]
