"""A policy as an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from ppocore._arrays import Array
from ppocore.training.export.plain import PlainPolicy

# Old enough for the runtimes of 2024.
OPSET, IR = 17, 8


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self, number: Any) -> None:
        self.number = number
        self.nodes: list[Any] = []
        self.kept: dict[str, Array] = {}

    def add(self, op: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, list(outputs), **attributes))
        return outputs[0]

    def keep(self, name: str, array: Any, number: Any = None) -> str:
        self.kept[name] = np.asarray(array, dtype=number or self.number)
        return name


def onnx_model(policy: PlainPolicy) -> Any:
    """Input `observation`, (batch, D) or int64 (batch,) of states; outputs as `PlainPolicy.outputs` names them."""
    graph = _Graph(policy.layers[0][0].dtype)
    number = TensorProto.FLOAT if graph.number == np.float32 else TensorProto.DOUBLE
    _network(policy, graph, _inputs(policy, graph, number))
    if policy.nvec:
        _choices(policy, graph)
        several = ["batch"] if len(policy.nvec) == 1 else ["batch", len(policy.nvec)]
        given = [("action", TensorProto.INT64, several), ("log_probs", number, ["batch", sum(policy.nvec)])]
    else:
        _real(policy, graph)
        given = [(name, number, ["batch", policy.bounds.shape[1]]) for name in policy.outputs]
    size = policy.layers[0][0].shape[0]
    seen = ("observation", TensorProto.INT64, ["batch"]) if policy.num_states else ("observation", number,
                                                                                   ["batch", size])
    made = helper.make_graph(
        graph.nodes, f"policy for {policy.env}", [helper.make_tensor_value_info(*seen)],
        [helper.make_tensor_value_info(*one) for one in given],
        initializer=[numpy_helper.from_array(array, name) for name, array in graph.kept.items()],
    )  # fmt: skip
    model = helper.make_model(made, producer_name="ppocore", ir_version=IR,
                              opset_imports=[helper.make_opsetid("", OPSET)])  # fmt: skip
    checker.check_model(model, full_check=True)
    return model


def _inputs(policy: PlainPolicy, graph: _Graph, number: Any) -> str:
    """What the first layer sees."""
    below = "observation"
    if policy.num_states:
        below = graph.add("Gather", [graph.keep("rows", np.eye(policy.num_states)), below], "row", axis=0)
    if policy.moments is None:
        return below
    # In float64, as training does it.
    below = graph.add("Cast", [below], "exact", to=TensorProto.DOUBLE)
    below = graph.add("Sub", [below, graph.keep("moment", policy.moments.mean, np.float64)], "centred")
    spread = np.sqrt(policy.moments.variance + policy.moments.eps)
    below = graph.add("Div", [below, graph.keep("deviation", spread, np.float64)], "scaled")
    limits = [graph.keep(name, sign * policy.moments.limit, np.float64) for name, sign in (("least", -1), ("most", 1))]
    return graph.add("Cast", [graph.add("Clip", [below, *limits], "limited")], "input", to=number)


def _network(policy: PlainPolicy, graph: _Graph, below: str) -> None:
    for k, (matrix, bias) in enumerate(policy.layers):
        last = k == len(policy.layers) - 1
        product = graph.add("MatMul", [below, graph.keep(f"matrix{k}", matrix)], f"product{k}")
        below = graph.add("Add", [product, graph.keep(f"bias{k}", bias)], "outputs" if last else f"sum{k}")
        if not last:
            below = graph.add(policy.activation.capitalize(), [below], f"layer{k}")


def _choices(policy: PlainPolicy, graph: _Graph) -> None:
    if len(policy.nvec) == 1:
        graph.add("ArgMax", [graph.add("LogSoftmax", ["outputs"], "log_probs", axis=1)], "action", axis=1, keepdims=0)
        return
    names = [f"choice{k}" for k in range(len(policy.nvec))]
    graph.add("Split", ["outputs", graph.keep("sizes", policy.nvec, np.int64)], *names, axis=1)
    found = [graph.add("LogSoftmax", [name], f"{name}_log_probs", axis=1) for name in names]
    picked = [graph.add("ArgMax", [name], f"{name}_action", axis=1, keepdims=1) for name in found]
    graph.add("Concat", picked, "action", axis=1)
    graph.add("Concat", found, "log_probs", axis=1)


def _real(policy: PlainPolicy, graph: _Graph) -> None:
    if policy.log_std is None:
        assert policy.log_std_bounds is not None
        graph.add("Split", ["outputs"], "mean", "free", axis=1)
        limits = [graph.keep(name, bound) for name, bound in zip(("lowest", "highest"), policy.log_std_bounds,
                                                                 strict=True)]
        graph.add("Clip", ["free", *limits], "log_std")
    else:
        graph.add("Identity", ["outputs"], "mean")
        graph.add("Expand", [graph.keep("spread", policy.log_std), graph.add("Shape", ["outputs"], "shape")], "log_std")
    low, high = policy.bounds
    if policy.squashed:
        wide = graph.add("Mul", [graph.add("Tanh", ["mean"], "bent"), graph.keep("half", (high - low) / 2)], "wide")
        graph.add("Add", [wide, graph.keep("middle", (low + high) / 2)], "action")
    else:
        # Clip takes one number only, and bounds differ by dimension.
        above = graph.add("Max", ["mean", graph.keep("low", low)], "above")
        graph.add("Min", [above, graph.keep("high", high)], "action")
