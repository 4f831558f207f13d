"""optax's arithmetic: bias correction raised in the array's own dtype; global norm; two-pass moments."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    mu = (1 - beta1) * grads + beta1 * first_moment
    nu = (1 - beta2) * grads**2 + beta2 * second_moment
    count = jnp.asarray(step, params.dtype)
    mu_hat = mu / (1 - jnp.asarray(beta1, params.dtype) ** count)
    nu_hat = nu / (1 - jnp.asarray(beta2, params.dtype) ** count)
    return params + -learning_rate * (mu_hat / (jnp.sqrt(nu_hat) + eps)), mu, nu


def clip_grad_norm(grads, max_norm):
    norm = jnp.sqrt(jax.tree.reduce(lambda s, g: s + jnp.sum(g * g), grads, 0.0))
    return jax.tree.map(lambda g: jnp.where(norm < max_norm, g, (g / norm) * max_norm), grads)


def running_moments(batches):
    n = sum(b.shape[0] for b in batches)
    mean = sum(b.sum(0) for b in batches) / n
    return {"mean": mean, "var": sum(jnp.square(b - mean).sum(0) for b in batches) / n}
