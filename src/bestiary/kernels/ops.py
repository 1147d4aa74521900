"""The namespace of this package's operators in torch, so that compiled and exported graphs hold each as one node."""

import torch

library = torch.library.Library("bestiary", "FRAGMENT")
