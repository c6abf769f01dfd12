"""The stacked network: forward, and a backward written by hand.

z_l = h_(l-1) W_l + b_l,  h_l = φ(z_l),  out = h_L W_(L+1) + b_(L+1)
∂W_l = h_(l-1)' g_l,  ∂b_l = Σ_rows g_l,  g_(l-1) = (g_l W_l') φ'(z_(l-1))
The maps h W + b, and what normalises z, are objects of `workers.training.layers`.

Legend: K members, R rows (examples times positions, padded), U units of a hidden layer,
C outputs, L hidden layers.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from workers.training.activations import KERNELS
from workers.training.buffers import Gradient, GradientBuffers, HiddenBuffers
from workers.training.cohort import Member
from workers.training.layers import linear_maps, normalizers
from workers.training.randomness import stream
from workers.training.shapes import Shapes
from workers.training.stacking import Scratch
from workers.training.state import State

_GROUP = 16
"""Rows are a multiple of it."""

KINKS = 100
"""The place of the kinks' marks among the scratch buffers; kernels use the low ones."""


class Buffers:
    """All that a forward and a backward over R rows, `real` of them examples, compute in."""

    def __init__(self, network: "Network", rows: int, real: int, *, backward: bool) -> None:
        shapes, K, device = network.shapes, network.K, network.device
        self.rows, self.real = rows, real
        self.hidden = [
            HiddenBuffers(K, rows * P, real * P, width=width, shapes=shapes, kernel=kernel)
            for width, P, kernel in zip(
                shapes.hidden, shapes.positions[:-1], network.kernels, strict=True
            )
        ]
        self.maps = [one.allocate(rows, shapes, backward=backward) for one in network.maps]
        self.is_training = backward
        size = (K, rows, shapes.padded_widths[-1])
        self.out_stored = torch.zeros(size, dtype=shapes.storage, device=device)
        self.out = (
            torch.zeros(size, dtype=shapes.work, device=device)
            if shapes.is_mixed
            else self.out_stored
        )
        self.gradients = (
            [
                GradientBuffers(K, rows * P, width, shapes, device)
                for width, P in zip(shapes.widths[1:], shapes.positions, strict=True)
            ]
            if backward
            else []
        )


Observer = Callable[[int, HiddenBuffers], None]
"""Sees layer l with z at hand (before h, which may overwrite it), or with h at hand."""


class Network:
    """K networks of one shape. Holds views into the state and no numbers of its own."""

    def __init__(
        self,
        members: Sequence[Member],
        shapes: Shapes,
        state: State,
        workspace: "Workspace",
    ) -> None:
        self.K, self.shapes, self.device = len(members), shapes, state.values.device
        self.may_look = self.device.type == "cpu"
        specs = [member.spec.activation for member in members]
        kernel = KERNELS[specs[0].name]
        self.kernels = [
            kernel(specs, shapes.work, self.device, workspace.scratch) for _ in shapes.hidden
        ]
        self.workspace = workspace
        self._scratch = workspace.scratch
        biases = [
            state.values[:, i, None, :width] for i, width in enumerate(shapes.padded_widths[1:])
        ]
        self.maps = linear_maps(state, shapes, biases)
        self.normalizers = normalizers(state, shapes, biases)
        for i, layer_kernel in enumerate(self.kernels):
            layer_kernel.attach(state.values[:, i, -1:, None])

    def forward(
        self,
        x: Tensor,
        buffers: Buffers,
        at_z: Observer | None = None,
        at_h: Observer | None = None,
    ) -> Tensor:
        """[K, R, C] from x [K, R, F]."""
        incoming = x
        for i, (kernel, layer) in enumerate(zip(self.kernels, buffers.hidden, strict=True)):
            self.maps[i].forward(incoming, layer.z_stored, buffers.maps[i])
            if layer.z is not layer.z_stored:
                layer.z.copy_(layer.z_stored)
            if layer.norm is not None:
                is_training = buffers.is_training
                self.normalizers[i].forward(layer.z, layer.norm, is_training=is_training)
                layer.round()
            if at_z is not None:
                at_z(i, layer)
            kernel.value(layer.z, layer.h)
            if layer.masks_units:
                layer.h.mul_(layer.is_unit)
            if layer.h_stored is not layer.h:
                layer.h_stored.copy_(layer.h)
                layer.h.copy_(layer.h_stored)
            if at_h is not None:
                at_h(i, layer)
            incoming = layer.h_stored
        self.maps[-1].forward(incoming, buffers.out_stored, buffers.maps[-1])
        if buffers.out is not buffers.out_stored:
            buffers.out.copy_(buffers.out_stored)
        return buffers.out

    def may_hit(self, i: int, layer: HiddenBuffers, z: Tensor) -> bool:
        """False only if no z is at a kink: a quick look, at a third of the cost of marking kinks.
        Products of 16 values are not 0 unless one of them is, or all are tiny; a NaN may hide a 0
        and counts as one. Says nothing (True) where there is padding or another kink than 0, and
        on a GPU, where the host would have to wait."""
        if not self.may_look or self.kernels[i].kink_points != [0.0] or layer.has_padded_units:
            return True
        products = z.view(-1, _GROUP, z.shape[2]).prod(1).abs_()
        return not products.amin().item() > 0.0

    def kinks(self, i: int, layer: HiddenBuffers, z: Tensor) -> Tensor:
        """1 where z is at a kink, and 0 elsewhere and in the padding. Lives until the next call:
        a buffer of its own for every layer would push the others out of the cache."""
        marks = self._scratch(KINKS, z)
        self.kernels[i].mark_kinks(z, marks)
        return marks.mul_(layer.is_real) if layer.is_padded else marks

    def recall_z(self, i: int, x: Tensor, buffers: Buffers) -> Tensor:
        """z of a layer after the forward pass, to the bit. Where h has overwritten it, it is
        computed once more: needed only after a kink was hit, which is rare."""
        layer = buffers.hidden[i]
        if not layer.overwrites:
            return layer.z
        if layer.z is not layer.z_stored:
            return layer.z_stored.to(layer.z.dtype)
        z = torch.empty_like(layer.z)
        if layer.norm is not None:
            return self.normalizers[i].affine(layer.norm.normalized, z)
        incoming = buffers.hidden[i - 1].h_stored if i else x
        self.maps[i].again(incoming, z, buffers.maps[i])
        return z

    def chosen_zeros(self, i: int, layer: HiddenBuffers) -> Tensor | None:
        """Where a member's own convention applies at z; None where it does nowhere. On a CPU a
        look is cheaper than the work that it saves; on a GPU it would make the host wait."""
        kernel = self.kernels[i]
        if not kernel.has_conventions:
            return None
        if not self.may_hit(i, layer, layer.z):
            return None
        if self.may_look and self.kinks(i, layer, layer.z).amax().item() == 0.0:
            return None
        return self.mark_chosen(i, layer, layer.z)

    def mark_chosen(self, i: int, layer: HiddenBuffers, z: Tensor) -> Tensor:
        """Where a member's own convention applies. In the padding no gradient arrives, and none
        may be written there."""
        kernel = self.kernels[i]
        chosen = kernel.chosen_zeros(z)
        if kernel.overwrites_any and layer.is_padded:
            chosen &= layer.is_real != 0
        return chosen

    def generators(self, members: Sequence[Member], epoch: int) -> list[torch.Generator]:
        """What activations draw from during an epoch, one per member; none where none draws."""
        if not any(kernel.draws for kernel in self.kernels):
            return []
        return [stream(m.spec.seed, "activation", epoch, self.device) for m in members]

    def backward(
        self,
        x: Tensor,
        buffers: Buffers,
        gradient: Gradient,
        at_upstream: Callable[[int, Tensor], None],
        at_gradient: Callable[[int], None],
    ) -> None:
        """Fills `gradient` from the loss's gradient in the last of `buffers.gradients`.
        `at_upstream` sees the gradient that arrives at each hidden layer's h; `at_gradient` is
        told when a layer's weights have theirs and are not needed any more, so that they may be
        updated while they are in the cache."""
        for i in reversed(range(self.shapes.layers)):
            passing = buffers.gradients[i]
            if passing.stored is not passing.g:
                passing.stored.copy_(passing.g)
            incoming = buffers.hidden[i - 1].h_stored if i else x
            own = buffers.maps[i]
            self.maps[i].weight_gradient(incoming, passing.stored, gradient.stored[i], own)
            if gradient.weights is not gradient.stored:
                gradient.weights[i].copy_(gradient.stored[i])
            if self.maps[i].bias is not None:
                torch.sum(passing.g, 1, out=gradient.biases[i])
            if i:
                below = buffers.gradients[i - 1].stored
                self.maps[i].input_gradient(incoming, passing.stored, below, own)
            at_gradient(i)
            if i:
                self._through_hidden(i - 1, buffers, gradient, at_upstream)

    def _through_hidden(
        self,
        i: int,
        buffers: Buffers,
        gradient: Gradient,
        at_upstream: Callable[[int, Tensor], None],
    ) -> None:
        """From the gradient at this layer's h to the gradient at what its map put out."""
        layer, passing, kernel = buffers.hidden[i], buffers.gradients[i], self.kernels[i]
        if passing.stored is not passing.g:
            passing.g.copy_(passing.stored)
        at_upstream(i, passing.g)
        if kernel.learns:
            gradient.values[:, i, -1] = kernel.slope_gradient(passing.g, layer.z)
        kernel.backward(passing.g, layer.z, layer.h, layer.chosen_zeros)
        if layer.norm is not None:
            self.normalizers[i].backward(
                passing.g, layer.norm, gradient.scales[i], gradient.biases[i]
            )


class Workspace:
    """Buffers by size, shared by the chunks of a cohort: they train one after the other, and what
    is in the cache stays there."""

    def __init__(self) -> None:
        self.scratch = Scratch()
        self._buffers: dict[tuple[int, int, int, bool], Buffers] = {}
        self._gradients: dict[int, Gradient] = {}
        self._outputs: dict[tuple[int, int], Tensor] = {}

    def buffers(self, network: Network, rows: int, real: int, *, backward: bool) -> Buffers:
        key = network.K, rows, real, backward
        if key not in self._buffers:
            self._buffers[key] = Buffers(network, rows, real, backward=backward)
        return self._buffers[key]

    def outputs(self, network: Network, rows: int) -> Tensor:
        """[K, rows, C], for what a pass puts out."""
        key = network.K, rows
        if key not in self._outputs:
            size = (*key, network.shapes.padded_widths[-1])
            self._outputs[key] = torch.zeros(size, dtype=network.shapes.work, device=network.device)
        return self._outputs[key]

    def gradient(self, network: Network) -> Gradient:
        if network.K not in self._gradients:
            self._gradients[network.K] = Gradient(network.K, network.shapes, network.device)
        return self._gradients[network.K]
