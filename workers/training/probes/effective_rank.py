"""effective_rank: exp of the entropy of the singular values of the layer's representation,
normalised to sum 1 (Roy and Vetterli 2007), on the first SAMPLE examples of the training part, at
all positions.

The squares of the singular values are the eigenvalues of the smaller of HH' and H'H, computed in
float64; what is below float64's resolution of the largest one counts as 0. A layer that is all
zero has rank 0; one that holds NaN or infinities has none.

Legend: K members, L hidden layers, R rows of the sample (examples times positions,
padded), U units (padded).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from workers.training.arrays import Array, to_host
from workers.training.exactness import TILE, padded, product
from workers.training.shapes import Shapes

SAMPLE = 64
"""More examples see more directions, at a cost that grows with the cube: with 64 it is
7% of an epoch on digits with two layers of 128 units, with 128 it would be a third."""


class RankSamples:
    """Gram matrices of every hidden layer and member, filled slice by slice of members."""

    def __init__(self, K: int, examples: int, shapes: Shapes, device: torch.device) -> None:
        tile, hidden = TILE[torch.float64], len(shapes.hidden)
        self._rows = [min(examples, SAMPLE) * positions for positions in shapes.positions[:hidden]]
        self._units = [padded(width, tile) for width in shapes.padded_widths[1:-1]]
        sizes = [
            min(padded(rows, tile), units)
            for rows, units in zip(self._rows, self._units, strict=True)
        ]
        # Matrices of one size lie side by side: one call decomposes them all.
        self._joined = {
            size: torch.zeros(sizes.count(size), K, size, size, dtype=torch.float64, device=device)
            for size in sizes
        }
        self.grams = [
            self._joined[size][sizes[:layer].count(size)] for layer, size in enumerate(sizes)
        ]
        """Per layer [K, n, n]."""

    def take(self, layer: int, first: int, h: Tensor) -> None:
        """h [K', R, U] of the members from number `first` on, and the first rows of the training
        part."""
        out = self.grams[layer][first : first + len(h)]
        # In the half precisions h is padded further than float64 needs.
        sample = _sample(h[:, :, : self._units[layer]], self._rows[layer])
        left, right = sample, sample.transpose(1, 2)
        if sample.shape[1] > out.shape[1]:
            left, right = right, left
        product(left, right, out)

    def eigenvalues(self, real: int, threads: int = 1) -> list[Array]:
        """Per layer [K, n]; NaN where its Gram matrix is not finite, and for
        the members from `real` on, who only fill the stack. Waits for the device."""
        found: dict[int, Iterator[Array]] = {}
        for size, joined in self._joined.items():
            matrices = joined[:, :real].reshape(-1, size, size)
            is_finite = matrices.diagonal(0, 1, 2).sum(1).isfinite()[:, None]
            matrices.masked_fill_(is_finite.logical_not()[:, :, None], 0.0)
            values = to_host(torch.where(is_finite, _decompose(matrices, threads), torch.nan))
            of_all = np.full(joined.shape[:3], np.nan)
            of_all[:, :real] = values.reshape(-1, real, size)
            found[size] = iter(of_all)
        return [next(found[gram.shape[1]]) for gram in self.grams]


def _decompose(matrices: Tensor, threads: int) -> Tensor:
    """Eigenvalues [M, n] of [M, n, n], by the host's LAPACK, matrix by matrix: a GPU, which takes
    them one by one too, needs three times as long for each, so its host does it by threads."""
    if matrices.device.type == "cpu":
        values: Tensor = torch.linalg.eigvalsh(matrices)
        return values
    parts = matrices.cpu().tensor_split(threads)
    with ThreadPoolExecutor(threads) as pool:
        return torch.cat(list(pool.map(torch.linalg.eigvalsh, parts))).to(matrices.device)


def _sample(h: Tensor, rows: int) -> Tensor:
    """The first rows of h in float64, padded to the tile."""
    tile = TILE[torch.float64]
    R, U = padded(rows, tile), padded(h.shape[2], tile)
    if (rows, h.shape[2]) == (R, U):
        return h[:, :rows].double().contiguous()
    sample = torch.zeros(len(h), R, U, dtype=torch.float64, device=h.device)
    sample[:, :rows, : h.shape[2]] = h[:, :rows]
    return sample


def effective_ranks(eigenvalues: Array) -> Array:
    """[K], from one layer's eigenvalues [K, n], ascending; NaN where there is none. What does not
    count is left out as a share of 0, so that no sum depends on how many rows there are."""
    largest = eigenvalues[:, -1:]
    noise = largest * eigenvalues.shape[1] * np.finfo(np.float64).eps
    with np.errstate(invalid="ignore", divide="ignore"):
        singular = np.sqrt(np.where(eigenvalues > noise, eigenvalues, 0.0))
        share = singular / singular.sum(axis=1, keepdims=True)
        entropy = -np.where(share > 0, share * np.log(share), 0.0).sum(axis=1)
    ranks: Array = np.where(largest[:, 0] > 0, np.exp(entropy), 0.0)
    ranks[~np.isfinite(largest[:, 0])] = np.nan
    return ranks
