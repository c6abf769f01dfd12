"""Maps that take images: what they take is copied into the rows of one matrix a member, so that
products are as exact as those of fully connected layers. And the map that takes all of an image.

Between layers an image lies pixel by pixel, channels (padded) innermost: [K, E H W, C].

Legend: K members, E examples (padded), H, W and h, w height and width before and after pooling,
C channels, P positions, D_in inputs of a unit (padded).
"""

import torch
from torch import Tensor

from service.domain.networks import LayerSize
from workers.training.exactness import product
from workers.training.layers.linear import LayerMap
from workers.training.layers.pooling import POOLINGS
from workers.training.shapes import Shapes


class ImageBuffers:
    """The matrix of a pass, and the gradient with respect to it."""

    image: Tensor
    """[K, E, h, w, C]: where the image goes, after pooling."""
    d_image: Tensor
    """The gradient with respect to it."""
    windows: Tensor
    """Of a convolution, [K, E, h, w, k, k C]: the windows of the image, row by row."""
    patches: Tensor
    """The same in the matrix."""
    d_framed: Tensor
    """Of a convolution: the gradient with respect to the image and the zeros around it."""
    d_patches: Tensor

    def __init__(
        self, weight: Tensor, size: LayerSize, rows: int, shapes: Shapes, *, backward: bool
    ) -> None:
        self.work = shapes.work
        self.matrix = weight.new_zeros(len(weight), rows * size.positions, weight.shape[1])
        """[K, E P, D_in]; the padding, to the right, stays 0."""
        self.d_matrix = torch.zeros_like(self.matrix) if backward else self.matrix


class ImageMap(LayerMap[ImageBuffers]):
    """z = M W + b, where the rows of M hold what a unit takes at a position."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, size: LayerSize, *, takes_features: bool
    ) -> None:
        """`takes_features`: from the data set, where an image lies channel by channel."""
        super().__init__(weight, bias)
        if size.source is None or size.image is None:
            raise ValueError("A map of images needs the image's shape.")
        self.size, self.source, self.seen = size, size.source, size.image
        self._takes_features = takes_features
        self._pooling = POOLINGS[size.pooling]

    def allocate(self, rows: int, shapes: Shapes, *, backward: bool) -> ImageBuffers:
        raise NotImplementedError

    def collect(self, own: ImageBuffers) -> None:
        """Fills the matrix from `own.image`."""

    def spread(self, own: ImageBuffers) -> None:
        """Fills `own.d_image` from the gradient with respect to the matrix."""

    def forward(self, x: Tensor, z: Tensor, own: ImageBuffers) -> None:
        self._pooling.forward(self._look(x), own.image, own.work)
        self.collect(own)
        product(own.matrix, self.weight, z, self.bias)

    def again(self, x: Tensor, z: Tensor, own: ImageBuffers) -> None:
        product(own.matrix, self.weight, z, self.bias)

    def weight_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: ImageBuffers) -> None:
        product(own.matrix.transpose(1, 2), g, out)

    def input_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: ImageBuffers) -> None:
        product(g, self.transposed, own.d_matrix)
        self.spread(own)
        # Padded channels, and pixels that pooling leaves out.
        out.zero_()
        self._pooling.backward(own.d_image, self._look(x), own.image, self._look(out))

    def _look(self, x: Tensor) -> Tensor:
        """[K, E, H, W, C], a view without padding."""
        C, H, W = self.source
        if self._takes_features:
            return x[:, :, : C * H * W].view(*x.shape[:2], C, H, W).permute(0, 1, 3, 4, 2)
        return x.view(x.shape[0], -1, H, W, x.shape[2])[..., :C]


class FlattenedMap(ImageMap):
    """A fully connected layer behind a convolution: its inputs are ordered pixel by pixel."""

    def allocate(self, rows: int, shapes: Shapes, *, backward: bool) -> ImageBuffers:
        own = ImageBuffers(self.weight, self.size, rows, shapes, backward=backward)
        C, h, w = self.seen
        size = (len(self.weight), rows, h, w, C)
        own.image = own.matrix[:, :, : C * h * w].view(size)
        own.d_image = own.d_matrix[:, :, : C * h * w].view(size)
        return own
