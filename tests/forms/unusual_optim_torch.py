"""Adam by torch.optim.Adam on a parameter; gradient clipping by hand; running moments by Chan's merge."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    parameter = torch.nn.Parameter(params.clone())
    parameter.grad = grads.clone()
    optimizer = torch.optim.Adam([parameter], lr=learning_rate, betas=(beta1, beta2), eps=eps)
    state = {"step": torch.tensor(float(step - 1)), "exp_avg": first_moment.clone(), "exp_avg_sq": second_moment.clone()}
    optimizer.state[parameter] = state
    optimizer.step()
    return parameter.detach(), state["exp_avg"], state["exp_avg_sq"]


def clip_grad_norm(grads, max_norm):
    total_norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    if total_norm <= max_norm:
        return [g.clone() for g in grads]
    return [g.mul(max_norm / total_norm) for g in grads]


def running_moments(batches):
    mean, m2, count = None, None, 0
    for batch in batches:
        n, b_mean, b_var = len(batch), batch.mean(0), batch.var(0, unbiased=False)
        if mean is None:
            mean, m2, count = b_mean, b_var * n, n
            continue
        delta, total = b_mean - mean, count + n
        mean = mean + delta * n / total
        m2 = m2 + b_var * n + delta**2 * count * n / total
        count = total
    return mean, m2 / count
