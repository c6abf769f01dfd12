"""A convolution with stride 1 and zero padding that keeps the image's size, as torch.nn.Conv2d
with padding="same" (which, like ours, computes a correlation).

z[y, x] = Σ over i, j of image[y + i - p, x + j - p] W[i, j] + b with p = (kernel_size - 1) / 2: the
windows become the rows of a matrix (im2col), inputs ordered by i, then j, then channel.

Legend: K members, E examples (padded), h, w height and width, C channels, k the window's side.
"""

from torch import Tensor

from workers.training.layers.image import ImageBuffers, ImageMap
from workers.training.shapes import Shapes


class Convolution(ImageMap):
    """A layer whose units are channels."""

    def allocate(self, rows: int, shapes: Shapes, *, backward: bool) -> ImageBuffers:
        own = ImageBuffers(self.weight, self.size, rows, shapes, backward=backward)
        (C, h, w), k = self.seen, self._side
        p = (k - 1) // 2
        size = (len(self.weight), rows, h + 2 * p, w + 2 * p, C)
        framed = self.weight.new_zeros(size)
        own.image = framed[:, :, p : p + h, p : p + w]
        member, example, row, pixel, _ = framed.stride()
        own.windows = framed.as_strided(
            (len(self.weight), rows, h, w, k, k * C), (member, example, row, pixel, row, 1)
        )
        own.patches = self._in_windows(own.matrix, rows)
        if backward:
            # Windows overlap: their gradients are added in the working precision.
            own.d_framed = self.weight.new_zeros(size, dtype=shapes.work)
            own.d_image = own.d_framed[:, :, p : p + h, p : p + w]
            own.d_patches = self._in_windows(own.d_matrix, rows)
        return own

    @property
    def _side(self) -> int:
        return self.size.kernel_size or 1

    def _in_windows(self, matrix: Tensor, rows: int) -> Tensor:
        """[K, E, h, w, k, k C], a view without padding."""
        (C, h, w), k = self.seen, self._side
        cut = matrix.view(len(matrix), rows, h, w, -1)[..., : k * k * C]
        return cut.view(len(matrix), rows, h, w, k, k * C)

    def collect(self, own: ImageBuffers) -> None:
        own.patches.copy_(own.windows)

    def spread(self, own: ImageBuffers) -> None:
        (C, h, w), k = self.seen, self._side
        own.d_framed.zero_()
        for i in range(k):
            for j in range(k):
                part = own.d_patches[..., i, j * C : (j + 1) * C]
                own.d_framed[:, :, i : i + h, j : j + w].add_(part)
