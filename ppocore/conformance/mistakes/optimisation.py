"""Mistakes of gradient clipping and of the Adam step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
    ONE,
    Array,
    Real,
    clip,
    constant,
    each,
    lift,
    maximum,
    minimum,
    total,
)
from ppocore.conformance.oracle.statistics import adam_step, power

CATALOGUE = Catalogue()
CLIP = Family(CATALOGUE, "clip_grad_norm")
ADAM = Family(CATALOGUE, "adam_step")


def _squares(grads: list[Array]) -> Real:
    return total([v * v for g in grads for v in g.reshape(-1)])


def _norm(grads: list[Array]) -> Real:
    return _squares(grads).sqrt()


def _sizes(grads: list[Array]) -> list[Real]:
    return [abs(v) for g in grads for v in g.reshape(-1)]


def _factor(x: Inputs, c: Choices, norm: Real) -> Real:
    """min(1, max_norm / norm), under the convention `grad_norm_eps`."""
    eps = constant("1e-6") if c["grad_norm_eps"] == "1e-6" else lift(0)
    return minimum(x.max_norm / (norm + eps), ONE).item()


def _grads(grads: list[Array]) -> Outputs:
    return {f"grads[{i}]": g for i, g in enumerate(grads)}


def _by(norm: Callable[[list[Array]], Real]) -> Value:
    """Clipping by some other norm."""
    return lambda x, c: _grads([g * _factor(x, c, norm(x.grads)) for g in x.grads])


def _per_tensor(x: Inputs, c: Choices) -> Outputs:
    return _grads([g * _factor(x, c, _norm([g])) for g in x.grads])


def _elementwise(x: Inputs, c: Choices) -> Outputs:
    return _grads([clip(g, -x.max_norm, x.max_norm) for g in x.grads])


def _scaled(factor: Callable[[Inputs], Real]) -> Value:
    return lambda x, c: _grads([g * factor(x) for g in x.grads])


def _first_scaled(x: Inputs, c: Choices) -> Outputs:
    factor = _factor(x, c, _norm(x.grads))
    return _grads([g if i else g * factor for i, g in enumerate(x.grads)])


def _first_alone(x: Inputs, c: Choices) -> Outputs:
    factor = _factor(x, c, _norm(x.grads[:1]))
    return _grads([g if i else g * factor for i, g in enumerate(x.grads)])


def _unit(x: Inputs, c: Choices) -> Outputs:
    norm = _norm(x.grads)
    return _grads([g / norm if norm > x.max_norm else g for g in x.grads])


def _plus(eps: str, x: Inputs, c: Choices) -> Outputs:
    factor = minimum(x.max_norm / (_norm(x.grads) + constant(eps)), ONE).item()
    return _grads([g * factor for g in x.grads])


CLIP.add("norm-per-tensor", "Every gradient is clipped by a norm of its own.",
         "g * min(1, max_norm / norm(g))",
         "The direction of the step changes: large parts shrink, small ones do not.", _per_tensor)
CLIP.add("elementwise", "Every element is clipped.", "clip(g, -max_norm, max_norm)",
         "The direction of the step changes, and its length is not bounded by max_norm.", _elementwise,
         seen=("rejax",))
CLIP.add("always-rescaled", "Gradients below the limit are scaled up to it.", "g * max_norm / norm",
         "Near a minimum the steps do not get smaller.", _scaled(lambda x: x.max_norm / _norm(x.grads)))
CLIP.add("not-clipped", "The gradients come back as they were.", "return grads",
         "The clipping acts on something else, or not at all.", lambda x, c: _grads(x.grads),
         seen=("DarylRodrigo/rl_lib #10", "google-deepmind/open_spiel #827"))
CLIP.add("min-becomes-max", "Gradients above the limit are left alone, those below are scaled up.",
         "g * max(1, max_norm / norm)", "The opposite of clipping.",
         _scaled(lambda x: maximum(x.max_norm / _norm(x.grads), ONE).item()))
CLIP.add("squared-norm", "The root of the norm is missing.", "norm = sum of squares",
         "Large gradients shrink far too much, small ones are let through.", _by(_squares))
CLIP.add("sum-of-sizes", "The norm adds up absolute values.", "norm = sum |g|",
         "Larger networks are clipped harder.", _by(lambda grads: total(_sizes(grads))))
CLIP.add("largest-size", "The norm is the largest absolute value.", "norm = max |g|",
         "The step may be longer than max_norm by the root of the number of parameters.",
         _by(lambda grads: max(_sizes(grads), key=lambda v: v.value)))
CLIP.add("norms-added", "The norms of the gradients are added up.", "norm = sum of norms",
         "Norms add in squares; the sum is too large.",
         _by(lambda grads: total([_norm([g]) for g in grads])))
CLIP.add("norms-averaged", "The norms of the gradients are averaged.", "norm = mean of norms",
         "Too small by far with many tensors.",
         _by(lambda grads: total([_norm([g]) for g in grads]) / len(grads)))
CLIP.add("largest-norm", "The largest norm of any gradient stands for the norm of all.",
         "norm = max of norms", "The step may be longer than max_norm.",
         _by(lambda grads: max((_norm([g]) for g in grads), key=lambda v: v.value)))
CLIP.add("root-mean-square", "The squares are averaged and not added up.", "norm = sqrt(mean(g^2))",
         "The step may be longer than max_norm by the root of the number of parameters.",
         _by(lambda grads: (_squares(grads) / len(_sizes(grads))).sqrt()))
CLIP.add("counted-twice", "Parameters enter the norm twice.", "norm = sqrt(2 sum g^2)",
         "Parameters shared by actor and critic are clipped too hard.",
         _by(lambda grads: _norm([*grads, *grads])), _by(lambda grads: _norm([*grads, grads[0]])),
         _by(lambda grads: _norm([*grads, grads[-1]])), seen=("thu-ml/tianshou #428", "thu-ml/tianshou #458"))
CLIP.add("norm-of-first-only", "The norm is that of the first gradient.", "norm = norm(grads[0])",
         "The rest of the network is not measured.", _by(lambda grads: _norm(grads[:1])))
CLIP.add("norm-of-last-only", "The norm is that of the last gradient.", "norm = norm(grads[-1])",
         "A loop variable was used after its loop.", _by(lambda grads: _norm(grads[-1:])))
CLIP.add("only-first-scaled", "Only the first gradient is scaled.", "grads[0] * factor, grads[1:]",
         "The direction of the step changes, and it stays too long.", _first_scaled, _first_alone)
CLIP.add("scaled-to-one", "Clipped gradients get norm 1, whatever max_norm is.",
         "g / norm if norm > max_norm", "Right only for max_norm = 1.", _unit,
         _scaled(lambda x: ONE / _norm(x.grads)),
         _scaled(lambda x: minimum(ONE / _norm(x.grads), ONE).item()))
CLIP.add("epsilon-added", "A number other than 1e-6 is added to the norm.", "max_norm / (norm + 1e-8)",
         "Small gradients are clipped harder than asked.",
         *(partial(_plus, eps) for eps in ("1e-8", "1e-7", "1e-5", "1e-4", "1e-3", "1e-2", "1")))


def _moments(x: Inputs) -> tuple[Array, Array]:
    first: Array = x.beta1 * x.first_moment + (1 - x.beta1) * x.grads
    second: Array = x.beta2 * x.second_moment + (1 - x.beta2) * x.grads * x.grads
    return first, second


def _root(array: Array) -> Array:
    return each(lambda v: v.sqrt(), array)


def _correct(x: Inputs, moment: Array, beta: Real, late: int = 0) -> Array:
    return moment / (1 - power(beta, x.step + late))


def _moved(x: Inputs, first: Array, scale: Array) -> Array:
    moved: Array = x.params - x.learning_rate * first / scale
    return moved


def _step(x: Inputs, update: Callable[[Array, Array], Array]) -> Outputs:
    """The right moments, and parameters moved by some function of the corrected ones."""
    first, second = _moments(x)
    params = update(_correct(x, first, x.beta1), _correct(x, second, x.beta2))
    return {"params": params, "first_moment": first, "second_moment": second}


def _corrected(first_too: bool, second_too: bool) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        first, second = _moments(x)
        m = _correct(x, first, x.beta1) if first_too else first
        v = _correct(x, second, x.beta2) if second_too else second
        return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}

    return value


def _at_step(late: int) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        first, second = _moments(x)
        m, v = _correct(x, first, x.beta1, late), _correct(x, second, x.beta2, late)
        return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}

    return value


def _eps_hat(x: Inputs, c: Choices) -> Outputs:
    first, second = _moments(x)
    rate = x.learning_rate * (1 - power(x.beta2, x.step)).sqrt() / (1 - power(x.beta1, x.step))
    moved = x.params - rate * first / (_root(second) + x.eps)
    return {"params": moved, "first_moment": first, "second_moment": second}


def _without_power(x: Inputs, c: Choices) -> Outputs:
    first, second = _moments(x)
    m, v = first / (1 - x.beta1), second / (1 - x.beta2)
    return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}


def _multiplied(x: Inputs, c: Choices) -> Outputs:
    first, second = _moments(x)
    m, v = first * (1 - power(x.beta1, x.step)), second * (1 - power(x.beta2, x.step))
    return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}


def _stale(first_too: bool, second_too: bool) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        first, second = _moments(x)
        m = _correct(x, x.first_moment if first_too else first, x.beta1)
        v = _correct(x, x.second_moment if second_too else second, x.beta2)
        return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}

    return value


def _undamped(x: Inputs, c: Choices) -> Outputs:
    first = x.beta1 * x.first_moment + x.grads
    _, second = _moments(x)
    m, v = _correct(x, first, x.beta1), _correct(x, second, x.beta2)
    return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}


def _undamped_both(x: Inputs, c: Choices) -> Outputs:
    first = x.beta1 * x.first_moment + x.grads
    second = x.beta2 * x.second_moment + x.grads * x.grads
    m, v = _correct(x, first, x.beta1), _correct(x, second, x.beta2)
    return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}


def _unsquared(change: Callable[[Real], Real]) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        first, _ = _moments(x)
        second = x.beta2 * x.second_moment + (1 - x.beta2) * each(change, x.grads)
        m, v = _correct(x, first, x.beta1), _correct(x, second, x.beta2)
        return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}

    return value


def _squared_moment(x: Inputs, c: Choices) -> Outputs:
    """The new first moment is squared, not the gradient."""
    first, _ = _moments(x)
    second = x.beta2 * x.second_moment + (1 - x.beta2) * first * first
    m, v = _correct(x, first, x.beta1), _correct(x, second, x.beta2)
    return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first, "second_moment": second}


def _returns_corrected(x: Inputs, c: Choices) -> Outputs:
    right = adam_step(x, c)
    return {"params": right["params"], "first_moment": _correct(x, right["first_moment"], x.beta1),
            "second_moment": _correct(x, right["second_moment"], x.beta2)}


def _returns_old(x: Inputs, c: Choices) -> Outputs:
    return adam_step(x, c) | {"first_moment": x.first_moment, "second_moment": x.second_moment}


def _amsgrad(stores_largest: bool) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        first, second = _moments(x)
        largest = maximum(second, x.second_moment)
        m, v = _correct(x, first, x.beta1), _correct(x, largest, x.beta2)
        return {"params": _moved(x, m, _root(v) + x.eps), "first_moment": first,
                "second_moment": largest if stores_largest else second}

    return value


def _nesterov(x: Inputs, c: Choices) -> Outputs:
    first, second = _moments(x)
    ahead = x.beta1 * _correct(x, first, x.beta1) + (1 - x.beta1) * _correct(x, x.grads, x.beta1)
    moved = _moved(x, ahead, _root(_correct(x, second, x.beta2)) + x.eps)
    return {"params": moved, "first_moment": first, "second_moment": second}


def _decayed(rate: str, x: Inputs, c: Choices) -> Outputs:
    """Decoupled decay: the parameters shrink, the moments are right."""
    right = adam_step(x, c)
    return right | {"params": right["params"] - x.learning_rate * constant(rate) * x.params}


def _penalised(rate: str, x: Inputs, c: Choices) -> Outputs:
    return adam_step(x.but(grads=x.grads + constant(rate) * x.params), c)


def _betas(first: str, second: str) -> Value:
    """Other decay rates in place of beta1 and beta2."""
    return lambda x, c: adam_step(x.but(beta1=getattr(x, first), beta2=getattr(x, second)), c)


def _by_corrected(update: Callable[[Inputs, Array, Array], Any]) -> Value:
    return lambda x, c: _step(x, lambda m, v: update(x, m, v))


def _eps_inside(x: Inputs, m: Array, v: Array) -> Array:
    return _moved(x, m, _root(v + x.eps))


ADAM.add("bias-correction-missing", "The moments are not corrected for starting at 0.", "m / (sqrt(v) + eps)",
         "The first steps are several times too long, or too short.", _corrected(False, False))
ADAM.add("first-moment-not-corrected", "Only the second moment is corrected.", "m / (sqrt(v^) + eps)",
         "The first steps are too short by 1 - beta1.", _corrected(False, True))
ADAM.add("second-moment-not-corrected", "Only the first moment is corrected.", "m^ / (sqrt(v) + eps)",
         "The first steps are too long by a factor of 30.", _corrected(True, False))
ADAM.add("step-counted-from-zero", "The correction uses step - 1.", "1 - beta^(step - 1)",
         "The first step divides by 0.", _at_step(-1))
ADAM.add("step-one-ahead", "The correction uses step + 1.", "1 - beta^(step + 1)",
         "The counter is raised twice; the first steps are off.", _at_step(1))
ADAM.add("correction-without-power", "The correction does not know the step.", "m / (1 - beta1)",
         "Right in the first step, ten times too large later.", _without_power)
ADAM.add("correction-multiplied", "The moments are multiplied by the correction.", "m * (1 - beta1^step)",
         "The first steps are corrected the wrong way.", _multiplied)
ADAM.add("eps-inside-root", "eps stands under the root.", "m^ / sqrt(v^ + eps)",
         "With eps = 1e-8 that is a floor of 1e-4: small gradients hardly move.", _by_corrected(_eps_inside))
ADAM.add("eps-before-correction", "eps is added to the root of the uncorrected moment.",
         "lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)",
         "Early on eps counts 30 times as much.", _eps_hat)
ADAM.add("eps-missing", "eps does not enter.", "m^ / sqrt(v^)", "A gradient of 0 gives 0/0.",
         _by_corrected(lambda x, m, v: _moved(x, m, _root(v))))
ADAM.add("root-missing", "The second moment is not rooted.", "m^ / (v^ + eps)",
         "The step depends on the scale of the loss, inversely.",
         _by_corrected(lambda x, m, v: _moved(x, m, v + x.eps)))
ADAM.add("not-divided", "The first moment is not divided by anything.", "lr m^",
         "That is momentum, not Adam.", _by_corrected(lambda x, m, v: x.params - x.learning_rate * m))
ADAM.add("ascent", "The step is added.", "p + lr m^ / (sqrt(v^) + eps)", "The loss is maximised.",
         _by_corrected(lambda x, m, v: x.params + x.learning_rate * m / (_root(v) + x.eps)))
ADAM.add("learning-rate-missing", "The learning rate does not enter.", "p - m^ / (sqrt(v^) + eps)",
         "Every parameter moves by about 1.",
         _by_corrected(lambda x, m, v: x.params - m / (_root(v) + x.eps)))
ADAM.add("step-returned", "The step is returned, not the parameters after it.", "-lr m^ / (sqrt(v^) + eps)",
         "The parameters are lost.",
         _by_corrected(lambda x, m, v: -(x.learning_rate * m / (_root(v) + x.eps))),
         _by_corrected(lambda x, m, v: x.learning_rate * m / (_root(v) + x.eps)))
ADAM.add("betas-swapped", "beta1 and beta2 are exchanged.", "m = beta2 m + (1 - beta2) g",
         "Momentum over a thousand steps, scale over ten.", _betas("beta2", "beta1"))
ADAM.add("one-beta-for-both", "Both moments decay at the same rate.", "beta1 (or beta2) for both",
         "The scale follows the last gradients.", _betas("beta1", "beta1"), _betas("beta2", "beta2"))
ADAM.add("gradient-not-squared", "The gradient is not squared in the second moment.",
         "v = beta2 v + (1 - beta2) g", "Negative gradients have no root.",
         _unsquared(lambda g: g), _unsquared(abs))
ADAM.add("moment-squared-for-gradient", "The second moment takes the square of the first.",
         "v = beta2 v + (1 - beta2) m^2", "The scale forgets gradients that cancel.", _squared_moment)
ADAM.add("moments-undamped", "The new gradient enters without its factor.", "m = beta1 m + g",
         "The moments are sums, not means; steps are too long.", _undamped, _undamped_both)
ADAM.add("stale-moments", "The step uses the moments from before this gradient.",
         "m^ and v^ of the last step", "Every step comes one late; the first does nothing.",
         _stale(True, True), _stale(True, False), _stale(False, True))
ADAM.add("corrected-moments-stored", "The corrected moments are returned as the state.",
         "first_moment = m^, second_moment = v^", "They are corrected again in every step.",
         _returns_corrected)
ADAM.add("moments-not-updated", "The moments are returned as they came.", "return params, m, v",
         "Every step starts from nothing.", _returns_old)
ADAM.add("weight-decay", "The parameters decay.", "p - lr 0.01 p",
         "A pull towards 0 that was not asked for; the default of AdamW.",
         *(partial(form, rate) for rate in ("0.01", "0.1", "1e-3", "1e-4", "1e-5")
           for form in (_decayed, _penalised)))
ADAM.add("largest-second-moment", "The second moment never falls: AMSGrad.", "v^ = max(v_old, v)",
         "Another algorithm, with smaller steps.", _amsgrad(False), _amsgrad(True))
ADAM.add("nesterov", "The momentum looks one step ahead: NAdam.",
         "(beta1 m^ + (1 - beta1) g / (1 - beta1^t)) / (sqrt(v^) + eps)", "Another algorithm.", _nesterov)
