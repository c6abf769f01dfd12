"""What keeps a member's numbers independent of its cohort and of the number of threads on a CPU. On
a GPU it is the fixed size of stacks, see `filling`.

Batched matrix products choose their kernel by size, and with it the order of summation. Measured
with torch 2.13 and MKL (K = 1 to 64, 1 to 4 threads, bit for bit):

- where a dimension is 1, small or odd, the kernel depends on the number of stacked matrices.
  Every dimension is therefore padded to a multiple of `TILE`; the padding stays exactly 0.
- half precisions: oneDNN serves only products of more than 16 x 16 x 16, so there the tile is 32.
- a long contraction is split over the threads if only few matrices are stacked. From 1024 on in
  float32, 256 on in float64, 512 on in bfloat16, 2048 on in float16. `product` adds pieces of
  at most `LONGEST_CONTRACTION` instead.
- `torch.sum` over everything that belongs to a member is split over the threads from 65,536
  values on if there is one member. `member_sum` sums in two stages.
- `torch.sigmoid`, `softplus`, `elu`, … compute the last values of a block with another routine
  than the rest, and where blocks end depends on K and on the threads. `exp`, `expm1`, `log`,
  `log1p`, `tanh` and `erf` do not, so the activations are built from those.

Safe as they are, in all shapes tried: elementwise arithmetic, comparisons, `vector_norm` over a
member's values, `sum(dim=1)` over rows, `log_softmax`.

Legend: K members, R rows, D_in and D_out the two sides of a weight matrix.
"""

import torch
from torch import Tensor

TILE = {torch.float64: 16, torch.float32: 16, torch.bfloat16: 32, torch.float16: 32}
LONGEST_CONTRACTION = {
    torch.float64: 128,
    torch.float32: 256,
    torch.bfloat16: 256,
    torch.float16: 256,
}


def padded(size: int, tile: int) -> int:
    """`size` rounded up to a multiple of `tile`."""
    return -(-size // tile) * tile


def product(left: Tensor, right: Tensor, out: Tensor, offset: Tensor | None = None) -> None:
    """out = offset + left @ right, [K, R, D_out] = [K, 1, D_out] + [K, R, D_in] [K, D_in, D_out].

    All sides are multiples of the tile. The offset goes into the product's own accumulator.
    """
    contraction, longest = left.shape[2], LONGEST_CONTRACTION[left.dtype]
    first = min(contraction, longest)
    head = (left, right) if first == contraction else (left[:, :, :first], right[:, :first])
    if offset is None:
        torch.bmm(*head, out=out)
    else:
        torch.baddbmm(offset, *head, out=out)
    for start in range(first, contraction, longest):
        piece = slice(start, min(start + longest, contraction))
        out.baddbmm_(left[:, :, piece], right[:, piece])


def member_sum(values: Tensor) -> Tensor:
    """[K, R, C] to [K]: first along C, then along R. R below 65,536 (`max_batch_size`'s rows are
    taken in two more stages)."""
    rows = values.sum(2) if values.shape[2] > 1 else values[:, :, 0]
    while rows.shape[1] > 16_384 and rows.shape[1] % 16 == 0:
        rows = rows.view(rows.shape[0], -1, 16).sum(2)
    return rows.sum(1)
