"""JAX: all jobs as one program, vmap over the jobs and lax.scan over the steps of an epoch."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from service.domain.spec import JobSpec
from workers.training.data import load

Layers = list[tuple[Any, Any]]


def run(specs: Sequence[JobSpec]) -> None:
    part = load(specs[0]).train
    x, y = jnp.asarray(part.features, jnp.float32), jnp.asarray(part.targets)
    batch, count = specs[0].batch_size, len(part.targets)
    keys = jax.random.split(jax.random.PRNGKey(0), len(specs))
    layers = jax.vmap(lambda key: _initial(key, specs[0].layer_widths))(keys)
    rates = jnp.asarray([spec.optimizer.learning_rate for spec in specs], jnp.float32)
    for epoch in range(specs[0].epochs):
        rng = np.random.default_rng(epoch)
        orders = np.stack([rng.permutation(count) for _ in specs]).astype(np.int32)
        # scan wants batches of one size: the rest of an epoch is a batch of its own.
        whole = count // batch * batch
        layers = _epoch(layers, rates, x, y, orders[:, :whole].reshape(len(specs), -1, batch))
        if whole < count:
            layers = _epoch(layers, rates, x, y, orders[:, None, whole:])
    jax.block_until_ready(layers)


def _initial(key: Any, widths: tuple[int, ...]) -> Layers:
    keys = jax.random.split(key, len(widths) - 1)
    return [
        (jax.random.normal(one, (i, o)) * jnp.sqrt(2 / i), jnp.zeros(o))
        for one, i, o in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def _loss(layers: Layers, x: Any, y: Any) -> Any:
    for weight, bias in layers[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = layers[-1]
    logits = jax.nn.log_softmax(x @ weight + bias)
    return -jnp.take_along_axis(logits, y[:, None], 1).mean()


@jax.jit
def _epoch(layers: Layers, rates: Any, x: Any, y: Any, orders: Any) -> Layers:
    def of_one(layers: Layers, rate: Any, order: Any) -> Layers:
        def step(layers: Layers, rows: Any) -> tuple[Layers, None]:
            slopes = jax.grad(_loss)(layers, x[rows], y[rows])
            return jax.tree.map(lambda p, g: p - rate * g, layers, slopes), None

        return jax.lax.scan(step, layers, order)[0]

    return jax.vmap(of_one)(layers, rates, orders)
