"""Rotations and rigid motions in space, many at once, always in fp32: frames of amino acids and of groups of their atoms."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ....core.errors import InputError


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Unit quaternions (..., 4), the real part first, as rotation matrices (..., 3, 3)."""
    a, b, c, d = quaternion.unbind(-1)
    rows = (
        (a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)),
        (2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)),
        (2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) as unit quaternions (..., 4): eigenvectors of the largest eigenvalue (Bar-Itzhack 2000)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in matrix.unbind(-2))
    rows = (
        (xx + yy + zz, zy - yz, xz - zx, yx - xy),
        (zy - yz, xx - yy - zz, xy + yx, xz + zx),
        (xz - zx, xy + yx, yy - xx - zz, yz + zy),
        (yx - xy, xz + zx, yz + zy, zz - xx - yy),
    )
    vectors: Tensor = torch.linalg.eigh(torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2) / 3)[1]
    return vectors[..., -1]


def multiply(first: Tensor, second: Tensor) -> Tensor:
    """The products (..., 4) of quaternions (Hamilton)."""
    (a, b, c, d), (e, f, g, h) = first.unbind(-1), second.unbind(-1)
    parts = (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )
    return torch.stack(parts, dim=-1)


class Rotation:
    """Rotations of the shape (...): matrices (..., 3, 3), or quaternions (..., 4), which become unit ones unless told not to.

    Raises:
        InputError: both or neither, or of another shape.
    """

    def __init__(self, rot_mats: Tensor | None = None, quats: Tensor | None = None, normalize_quats: bool = True) -> None:
        numbers = quats if rot_mats is None else rot_mats
        if numbers is None or (rot_mats is not None and quats is not None):
            raise InputError("a Rotation is made of rot_mats or of quats; pass one of them")
        self._sizes = (4,) if rot_mats is None else (3, 3)
        if numbers.shape[-len(self._sizes) :] != self._sizes:
            raise InputError(
                f"a Rotation got the shape {tuple(numbers.shape)}; expected rot_mats (..., 3, 3) or quats (..., 4)"
            )
        numbers = numbers.float()
        normal = rot_mats is None and normalize_quats
        self._numbers = numbers / torch.linalg.vector_norm(numbers, dim=-1, keepdim=True) if normal else numbers

    def _like(self, numbers: Tensor) -> "Rotation":
        """Other numbers in the same form."""
        return Rotation(quats=numbers, normalize_quats=False) if self._sizes == (4,) else Rotation(numbers)

    @staticmethod
    def identity(
        shape: Sequence[int], dtype: Any = None, device: Any = None, requires_grad: bool = False, fmt: str = "quat"
    ) -> "Rotation":
        """Rotations that turn nothing, as quaternions, or with `fmt="rot_mat"` as matrices."""
        number = torch.eye(3, device=device) if fmt == "rot_mat" else torch.tensor([1.0, 0.0, 0.0, 0.0], device=device)
        numbers = number.expand(*shape, *number.shape).clone().requires_grad_(requires_grad)
        return Rotation(numbers) if fmt == "rot_mat" else Rotation(quats=numbers, normalize_quats=False)

    @property
    def shape(self) -> torch.Size:
        """Without the numbers that make one rotation."""
        return self._numbers.shape[: -len(self._sizes)]

    @property
    def dtype(self) -> torch.dtype:
        return self._numbers.dtype

    @property
    def device(self) -> torch.device:
        return self._numbers.device

    def get_cur_rot(self) -> Tensor:
        """The numbers in the form that they are in."""
        return self._numbers

    def get_rot_mats(self) -> Tensor:
        """(..., 3, 3)."""
        return quaternion_to_matrix(self._numbers) if self._sizes == (4,) else self._numbers

    def get_quats(self) -> Tensor:
        """(..., 4), the real part first."""
        return self._numbers if self._sizes == (4,) else matrix_to_quaternion(self._numbers)

    def __getitem__(self, index: Any) -> "Rotation":
        index = index if isinstance(index, tuple) else (index,)
        return self._like(self._numbers[(*index, *(slice(None),) * len(self._sizes))])

    def __mul__(self, right: Tensor) -> "Rotation":
        return self._like(self._numbers * right[(..., *(None,) * len(self._sizes))])

    __rmul__ = __mul__

    def compose_r(self, r: "Rotation") -> "Rotation":
        """First `r`, then this, by matrices."""
        # Sums of products, and no matrix product, which autocast would compute in half precision.
        return Rotation((self.get_rot_mats()[..., None] * r.get_rot_mats()[..., None, :, :]).sum(-2))

    def compose_q(self, r: "Rotation", normalize_quats: bool = True) -> "Rotation":
        """First `r`, then this, by quaternions."""
        return Rotation(quats=multiply(self.get_quats(), r.get_quats()), normalize_quats=normalize_quats)

    def compose_q_update_vec(self, q_update_vec: Tensor, normalize_quats: bool = True) -> "Rotation":
        """First the rotation by the quaternion (1, x, y, z) of `q_update_vec` (..., 3), then this."""
        quats = self.get_quats()
        update = multiply(quats, torch.nn.functional.pad(q_update_vec, (1, 0)))
        return Rotation(quats=quats + update, normalize_quats=normalize_quats)

    def apply(self, pts: Tensor) -> Tensor:
        """Points (..., 3), turned."""
        return (self.get_rot_mats() * pts[..., None, :]).sum(-1)

    def invert_apply(self, pts: Tensor) -> Tensor:
        """Points (..., 3), turned back."""
        return (self.get_rot_mats().mT * pts[..., None, :]).sum(-1)

    def invert(self) -> "Rotation":
        """The rotations back."""
        if self._sizes == (3, 3):
            return Rotation(self._numbers.mT)
        signs = self._numbers.new_tensor([1.0, -1.0, -1.0, -1.0])
        return self._like(self._numbers * signs / self._numbers.square().sum(-1, keepdim=True))

    def unsqueeze(self, dim: int) -> "Rotation":
        return self._like(self._numbers.unsqueeze(dim if dim >= 0 else dim - len(self._sizes)))

    @staticmethod
    def cat(rs: Sequence["Rotation"], dim: int) -> "Rotation":
        """Several in one, as matrices."""
        return Rotation(torch.cat([each.get_rot_mats() for each in rs], dim=dim if dim >= 0 else dim - 2))

    def map_tensor_fn(self, fn: Callable[[Tensor], Tensor]) -> "Rotation":
        """`fn`, such as a sum, of each of the numbers that make a rotation; it gets tensors of this shape."""
        numbers = self._numbers.flatten(-len(self._sizes))
        numbers = torch.stack([fn(number) for number in numbers.unbind(-1)], dim=-1)
        return self._like(numbers.unflatten(-1, self._sizes))

    def detach(self) -> "Rotation":
        return self._like(self._numbers.detach())

    def to(self, device: Any = None, dtype: Any = None) -> "Rotation":
        """On another device; rotations stay in fp32."""
        return self._like(self._numbers.to(device))


class Rigid:
    """Rotations `rots` of the shape (...), and after each a shift `trans` (..., 3). What is None changes nothing."""

    def __init__(self, rots: Rotation | None, trans: Tensor | None) -> None:
        if trans is None:
            if rots is None:
                raise InputError("a Rigid is made of rots, of trans, or of both; pass one of them")
            trans = torch.zeros(*rots.shape, 3, device=rots.device)
        self._trans = trans.float()
        self._rots = Rotation.identity(trans.shape[:-1], device=trans.device) if rots is None else rots

    @staticmethod
    def identity(
        shape: Sequence[int], dtype: Any = None, device: Any = None, requires_grad: bool = False, fmt: str = "quat"
    ) -> "Rigid":
        """Motions that change nothing."""
        return Rigid(Rotation.identity(shape, dtype, device, requires_grad, fmt), None)

    @staticmethod
    def from_tensor_4x4(t: Tensor) -> "Rigid":
        """Of homogeneous matrices (..., 4, 4)."""
        return Rigid(Rotation(t[..., :3, :3]), t[..., :3, 3])

    @staticmethod
    def from_tensor_7(t: Tensor, normalize_quats: bool = False) -> "Rigid":
        """Of quaternions and shifts (..., 7)."""
        return Rigid(Rotation(quats=t[..., :4], normalize_quats=normalize_quats), t[..., 4:])

    @staticmethod
    def from_3_points(p_neg_x_axis: Tensor, origin: Tensor, p_xy_plane: Tensor, eps: float = 1e-8) -> "Rigid":
        """The frames in which points (..., 3) lie on the negative x axis, at 0 and in the plane of x and y (algorithm 21)."""
        first = _unit(origin - p_neg_x_axis, eps)
        beside = p_xy_plane - origin
        second = _unit(beside - (first * beside).sum(-1, keepdim=True) * first, eps)
        third = torch.linalg.cross(first, second, dim=-1)
        return Rigid(Rotation(torch.stack([first, second, third], dim=-1)), origin)

    @staticmethod
    def make_transform_from_reference(n_xyz: Tensor, ca_xyz: Tensor, c_xyz: Tensor, eps: float = 1e-20) -> "Rigid":
        """The frames of backbones: at the middle carbon (..., 3), the carbon `c_xyz` on the x axis, N in its plane with y."""
        return Rigid.from_3_points(2 * ca_xyz - c_xyz, ca_xyz, n_xyz, eps)

    @property
    def shape(self) -> torch.Size:
        return self._trans.shape[:-1]

    @property
    def device(self) -> torch.device:
        return self._trans.device

    def get_rots(self) -> Rotation:
        return self._rots

    def get_trans(self) -> Tensor:
        """(..., 3)."""
        return self._trans

    def __getitem__(self, index: Any) -> "Rigid":
        index = index if isinstance(index, tuple) else (index,)
        return Rigid(self._rots[index], self._trans[(*index, slice(None))])

    def __mul__(self, right: Tensor) -> "Rigid":
        return Rigid(self._rots * right, self._trans * right[..., None])

    __rmul__ = __mul__

    def compose(self, r: "Rigid") -> "Rigid":
        """First `r`, then this."""
        return Rigid(self._rots.compose_r(r._rots), self.apply(r._trans))

    def compose_q_update_vec(self, q_update_vec: Tensor) -> "Rigid":
        """First a motion (..., 6), of the quaternion (1, x, y, z) and a shift, then this (algorithm 23)."""
        return Rigid(self._rots.compose_q_update_vec(q_update_vec[..., :3]), self.apply(q_update_vec[..., 3:]))

    def apply(self, pts: Tensor) -> Tensor:
        """Points (..., 3), moved."""
        return self._rots.apply(pts) + self._trans

    def invert_apply(self, pts: Tensor) -> Tensor:
        """Points (..., 3), moved back."""
        return self._rots.invert_apply(pts - self._trans)

    def invert(self) -> "Rigid":
        """The motions back."""
        back = self._rots.invert()
        return Rigid(back, -back.apply(self._trans))

    def to_tensor_4x4(self) -> Tensor:
        """Homogeneous matrices (..., 4, 4)."""
        upper = torch.cat([self._rots.get_rot_mats(), self._trans[..., None]], dim=-1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*self.shape, 1, 4)
        return torch.cat([upper, last], dim=-2)

    def to_tensor_7(self) -> Tensor:
        """Quaternions and shifts (..., 7)."""
        return torch.cat([self._rots.get_quats(), self._trans], dim=-1)

    def unsqueeze(self, dim: int) -> "Rigid":
        return Rigid(self._rots.unsqueeze(dim), self._trans.unsqueeze(dim if dim >= 0 else dim - 1))

    @staticmethod
    def cat(ts: Sequence["Rigid"], dim: int) -> "Rigid":
        """Several in one, with matrices."""
        shifts = torch.cat([each._trans for each in ts], dim=dim if dim >= 0 else dim - 1)
        return Rigid(Rotation.cat([each._rots for each in ts], dim), shifts)

    def map_tensor_fn(self, fn: Callable[[Tensor], Tensor]) -> "Rigid":
        """`fn`, such as a sum, of each of the numbers that make a motion."""
        return Rigid(self._rots.map_tensor_fn(fn), torch.stack([fn(number) for number in self._trans.unbind(-1)], dim=-1))

    def apply_rot_fn(self, fn: Callable[[Rotation], Rotation]) -> "Rigid":
        return Rigid(fn(self._rots), self._trans)

    def apply_trans_fn(self, fn: Callable[[Tensor], Tensor]) -> "Rigid":
        return Rigid(self._rots, fn(self._trans))

    def scale_translation(self, trans_scale_factor: float) -> "Rigid":
        """Shifts in another unit."""
        return Rigid(self._rots, self._trans * trans_scale_factor)

    def stop_rot_gradient(self) -> "Rigid":
        """Gradients go through the shifts alone."""
        return Rigid(self._rots.detach(), self._trans)


def _unit(vectors: Tensor, eps: float) -> Tensor:
    return vectors / (vectors.square().sum(-1, keepdim=True) + eps).sqrt()
