"""Losses of labels: the largest output is the answer, and the first among equals.

`target` holds labels, [K, R, 1].

Legend: K members, R rows (examples, padded), n real rows, C outputs (padded).
"""

import torch
from torch import Tensor

from workers.training.activations.sigmoidal import sigmoid, softplus
from workers.training.exactness import member_sum
from workers.training.losses.base import LossKernel, RowWeights

_log_softmax = torch.ops.aten._log_softmax.out
_log_softmax_backward = torch.ops.aten._log_softmax_backward_data.out


class CrossEntropy(LossKernel):
    """-log softmax(z)[label]; its gradient is (softmax(z) - onehot(label)) / n."""

    def prepare(self) -> None:
        classes = torch.arange(self.shapes.padded_widths[-1])
        hidden = torch.zeros(len(classes)).masked_fill(classes >= self.shapes.outputs, -torch.inf)
        self.offset = hidden.to(self.device, self.shapes.work)
        self.is_padded = len(classes) > self.shapes.outputs

    def _log_probabilities(self, out: Tensor) -> Tensor:
        if self.is_padded:
            out.add_(self.offset)
        log_p = self.scratch(0, out)
        _log_softmax(out, -1, False, out=log_p)
        return log_p

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        log_p = self._log_probabilities(out)
        loss = log_p.gather(2, target).mul_(weights.minus_row_mean)
        # -1/n at the label, then PyTorch's own backward: unlike torch.exp it is as fast for
        # probabilities so small that they are subnormal.
        onehot = self.scratch(1, out).zero_()
        onehot.scatter_(2, target, weights.minus_row_mean.expand_as(target))
        _log_softmax_backward(onehot, log_p, -1, log_p.dtype, out=g)
        return member_sum(loss)

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        picked = self._log_probabilities(out).gather(2, target).mul_(weights.is_row)
        return member_sum(picked).neg_().double()

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        if self.is_padded:
            out.add_(self.offset)
        best = out.max(2, keepdim=True).indices
        return (best == target)[:, : weights.real].sum((1, 2)).double()


class Classes(LossKernel):
    """A loss that leaves the outputs as they are."""

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        best = out[:, :, : self.shapes.outputs].max(2, keepdim=True).indices
        return (best == target)[:, : weights.real].sum((1, 2)).double()


class Bce(Classes):
    """softplus(z) - y z, with gradient (sigmoid(z) - y) / (n outputs); y is 1 for the label. A
    single output is the logit of class 1."""

    def _onehot(self, out: Tensor, target: Tensor) -> Tensor:
        """y, [K, R, C]."""
        onehot = self.scratch(0, out).zero_()
        if self.shapes.outputs == 1:
            onehot[:, :, :1] = target
            return onehot
        return onehot.scatter_(2, target, 1.0)

    def _losses(self, out: Tensor, onehot: Tensor) -> Tensor:
        return softplus(out, out=self.scratch(1, out)).addcmul_(out, onehot, value=-1.0)

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        onehot = self._onehot(out, target)
        loss = member_sum(self._losses(out, onehot).mul_(weights.value_mean))
        sigmoid(out, out=g).sub_(onehot).mul_(weights.value_mean)
        return loss

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        losses = self._losses(out, self._onehot(out, target)).mul_(weights.is_value)
        return member_sum(losses).double() / self.shapes.outputs

    def score(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        if self.shapes.outputs > 1:
            return super().score(out, target, weights)
        answer = torch.gt(out[:, :, :1], 0.0)
        return (answer == target)[:, : weights.real].sum((1, 2)).double()


class Hinge(Classes):
    """Σ_j max(0, s_j) / (n C) with s_j = margin - z_label + z_j for j other than the label. Its
    gradient is 1 / (n C) at each z_j with s_j > 0, the convention's share of that at s_j = 0,
    and minus the sum of those at z_label."""

    has_kink = True

    def prepare(self) -> None:
        self.margin = self.stack([spec.margin for spec in self.specs])
        self.convention = self.stack([spec.derivative_at_zero for spec in self.specs])
        self._hits = torch.zeros(len(self.specs), dtype=self.shapes.work, device=self.device)

    def _slack(self, out: Tensor, target: Tensor) -> Tensor:
        """s, and of no meaning at the label."""
        at_label = out.gather(2, target)
        return torch.sub(out, at_label, out=self.scratch(0, out)).add_(self.margin)

    def _others(self, out: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        """`counts` [1, R, C] for each member, with 0 at the label."""
        return self.scratch(1, out).copy_(counts).scatter_(2, target, 0.0)

    def step(self, out: Tensor, target: Tensor, weights: RowWeights, g: Tensor) -> Tensor:
        slack = self._slack(out, target)
        at_kink = torch.eq(slack, 0.0, out=self.scratch(2, out))
        self._hits = member_sum(at_kink * self._others(out, target, weights.is_value))
        weight = self._others(out, target, weights.value_mean)
        torch.gt(slack, 0.0, out=g).addcmul_(at_kink, self.convention).mul_(weight)
        g.scatter_(2, target, g.sum(2, keepdim=True).neg_())
        return member_sum(slack.clamp_min_(0.0).mul_(weight))

    def total(self, out: Tensor, target: Tensor, weights: RowWeights) -> Tensor:
        weight = self._others(out, target, weights.is_value)
        slack = self._slack(out, target).clamp_min_(0.0)
        return member_sum(slack.mul_(weight)).double() / self.shapes.outputs

    def kink_hits(self) -> Tensor:
        return self._hits
