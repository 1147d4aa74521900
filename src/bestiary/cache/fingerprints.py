"""A name for what a model computes, made of its config and the content of all its weights."""

import hashlib

import torch
from torch import nn

# Bytes that one partial sum stands for.
_PIECE = 32768


def fingerprint(model: nn.Module) -> str:
    """32 hexadecimal digits that change with the class, the config, and any weight, buffer or added module of `model`.

    All weights are read, which takes about as long as one or two steps of decoding: a stored note of changes could be stale.
    """
    digest = hashlib.blake2b(digest_size=16)
    config = model.__dict__.get("config")
    digest.update(f"{type(model).__qualname__}\n{'' if config is None else config.to_json_string()}".encode())
    sums = []
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        sums += _sums(tensor.detach())
    for part in sums:  # after all of them are under way, so that an accelerator is waited for once
        digest.update(part.cpu().numpy().tobytes())
    return digest.hexdigest()


def _sums(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The bytes of `tensor`, added up as whole numbers (overflow wraps round), and the few bytes left over.

    They are added up in pieces, and across all pieces place by place: what changes places changes one or the other.
    """
    data = tensor.contiguous().reshape(-1).view(torch.uint8)
    if data.storage_offset() % 8:
        data = data.clone()
    complete = data.numel() // _PIECE * _PIECE
    if not complete:
        return [data]
    pieces = data[:complete].view(torch.int64).view(-1, _PIECE // 8)
    return [pieces.sum(1), pieces.sum(0), data[complete:]]
