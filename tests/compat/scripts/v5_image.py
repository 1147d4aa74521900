"""Release 5: an image to labels, with the image processor and by hand."""

import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification, BatchFeature
from transformers.image_utils import IMAGENET_STANDARD_MEAN, ChannelDimension
from transformers.models.vit import ViTForImageClassification

folder = sys.argv[1] + "/vit"
image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
processor = AutoImageProcessor.from_pretrained(folder)
model = AutoModelForImageClassification.from_pretrained(folder)
assert isinstance(model, ViTForImageClassification)
inputs = processor(images=[image, image.rotate(90)], return_tensors="pt")
assert isinstance(inputs, BatchFeature)
with torch.inference_mode():
    output = model(**inputs, output_hidden_states=True)
print(tuple(inputs["pixel_values"].shape), round(float(inputs["pixel_values"].mean()), 2), len(output.hidden_states))
print([round(x, 2) for x in output.logits.flatten().tolist()], list(IMAGENET_STANDARD_MEAN), ChannelDimension.FIRST.value)
