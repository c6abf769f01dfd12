"""effective_rank: exp of the entropy of the singular values of the layer's representation,
normalised to sum 1 (Roy and Vetterli 2007), on the first SAMPLE examples of the training part.

The squares of the singular values are the eigenvalues of the smaller of HH' and H'H, computed in
float64; what is below float64's resolution of the largest one counts as 0. A layer that is all
zero has rank 0; one that holds NaN or infinities has none.

Legend: K members, L hidden layers, R rows of the sample (padded), U units (padded).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.training.exactness import TILE, padded, product

SAMPLE = 64
"""More examples see more directions, at a cost that grows with the cube: for 64 the 2 x 64
eigenvalue problems of 64 networks take a tenth of an epoch on digits, for 128 a half."""


class RankSample:
    """One layer's Gram matrices, slice by slice of members."""

    def __init__(self) -> None:
        self._grams: list[Tensor] = []

    def take(self, h: Tensor, real: int) -> None:
        """h [K, R', U] of the first rows of the training part, of which `real` are examples."""
        self._grams.append(gram(h, min(real, SAMPLE)))

    @property
    def gram(self) -> Tensor:
        """[K, n, n] of all slices."""
        return torch.cat(self._grams)


def gram(h: Tensor, rows: int) -> Tensor:
    """The smaller of HH' and H'H for the first `rows` rows of h [K, R', U], in float64."""
    K, _, U = h.shape
    tile = TILE[torch.float64]
    R, U = padded(rows, tile), padded(U, tile)
    if (rows, h.shape[2]) == (R, U):
        sample = h[:, :rows].double().contiguous()
    else:
        sample = torch.zeros(K, R, U, dtype=torch.float64, device=h.device)
        sample[:, :rows, : h.shape[2]] = h[:, :rows]
    left, right = sample, sample.transpose(1, 2)
    if R > U:
        left, right = right, left
    out = torch.empty(K, min(R, U), min(R, U), dtype=torch.float64, device=h.device)
    product(left, right, out)
    return out


def eigenvalues(grams: Sequence[Tensor]) -> dict[str, Tensor]:
    """`eigenvalues/i` [K, n] of each layer's Gram matrices [K, n, n]; NaN where one is not
    finite. Matrices of one size are decomposed by one call."""
    by_size: dict[int, list[int]] = {}
    for layer, matrix in enumerate(grams):
        by_size.setdefault(matrix.shape[1], []).append(layer)
    found: dict[str, Tensor] = {}
    for layers in by_size.values():
        joined = torch.cat([grams[layer] for layer in layers])
        is_finite = joined.diagonal(0, 1, 2).sum(1).isfinite()[:, None]
        joined.masked_fill_(is_finite.logical_not()[:, :, None], 0.0)
        values = torch.where(is_finite, torch.linalg.eigvalsh(joined), torch.nan)
        for layer, part in zip(layers, values.chunk(len(layers)), strict=True):
            found[f"eigenvalues/{layer}"] = part
    return found


def effective_rank(eigenvalues: NDArray[np.float64]) -> float | None:
    """From one layer's eigenvalues, ascending."""
    largest = eigenvalues[-1]
    if not np.isfinite(largest):
        return None
    noise = largest * len(eigenvalues) * np.finfo(np.float64).eps
    singular = np.sqrt(eigenvalues[eigenvalues > noise])
    if not len(singular):
        return 0.0
    share = singular / singular.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
