"""`transformers.initialization`: torch's functions that give a parameter its first values, and a copy."""

import torch
from torch import Tensor
from torch.nn.init import constant_ as constant_
from torch.nn.init import dirac_ as dirac_
from torch.nn.init import eye_ as eye_
from torch.nn.init import kaiming_normal_ as kaiming_normal_
from torch.nn.init import kaiming_uniform_ as kaiming_uniform_
from torch.nn.init import normal_ as normal_
from torch.nn.init import ones_ as ones_
from torch.nn.init import orthogonal_ as orthogonal_
from torch.nn.init import sparse_ as sparse_
from torch.nn.init import trunc_normal_ as trunc_normal_
from torch.nn.init import uniform_ as uniform_
from torch.nn.init import xavier_normal_ as xavier_normal_
from torch.nn.init import xavier_uniform_ as xavier_uniform_
from torch.nn.init import zeros_ as zeros_


@torch.no_grad()
def copy_(tensor: Tensor, other: Tensor) -> Tensor:
    """Give `tensor` the values of `other`."""
    return tensor.copy_(other)
