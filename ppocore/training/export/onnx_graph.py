"""A policy as an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from ppocore._arrays import Array
from ppocore.training.export.plain import PlainPolicy

# Old enough for the runtimes of 2024.
OPSET, IR = 17, 8


def onnx_model(policy: PlainPolicy) -> Any:
    """Input `observation`, (batch, D) or int64 (batch,) of states; outputs as `PlainPolicy.outputs` names them."""
    number = TensorProto.FLOAT if policy.layers[0][0].dtype == np.float32 else TensorProto.DOUBLE
    size, width = policy.layers[0][0].shape[0], policy.layers[-1][1].size
    nodes, kept = _network(policy)
    row = ["batch", width]
    if policy.log_std is None:
        nodes += [helper.make_node("LogSoftmax", ["outputs"], ["log_probs"], axis=1),
                  helper.make_node("ArgMax", ["outputs"], ["action"], axis=1, keepdims=0)]
        given = [("action", TensorProto.INT64, ["batch"]), ("log_probs", number, row)]
    else:
        kept |= {"spread": policy.log_std, **{name: np.array(bound, policy.log_std.dtype)
                                              for name, bound in zip(("low", "high"), policy.bounds, strict=True)}}
        nodes += [helper.make_node("Identity", ["outputs"], ["mean"]),
                  helper.make_node("Clip", ["outputs", "low", "high"], ["action"]),
                  helper.make_node("Shape", ["outputs"], ["shape"]),
                  helper.make_node("Expand", ["spread", "shape"], ["log_std"])]
        given = [(name, number, row) for name in policy.outputs]
    seen = ("observation", TensorProto.INT64, ["batch"]) if policy.num_states else ("observation", number,
                                                                                   ["batch", size])
    graph = helper.make_graph(
        nodes, f"policy for {policy.env}", [helper.make_tensor_value_info(*seen)],
        [helper.make_tensor_value_info(*one) for one in given],
        initializer=[numpy_helper.from_array(array, name) for name, array in kept.items()],
    )  # fmt: skip
    model = helper.make_model(graph, producer_name="ppocore", ir_version=IR,
                              opset_imports=[helper.make_opsetid("", OPSET)])  # fmt: skip
    checker.check_model(model, full_check=True)
    return model


def _network(policy: PlainPolicy) -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `observation` to `outputs`, and the arrays that they use."""
    nodes: list[Any] = []
    kept: dict[str, Array] = {}
    below = "observation"
    for k, (matrix, bias) in enumerate(policy.layers):
        last = k == len(policy.layers) - 1
        kept |= {f"matrix{k}": matrix, f"bias{k}": bias}
        if policy.num_states and k == 0:
            # The product with a row that has one 1 is a row of the matrix.
            nodes.append(helper.make_node("Gather", [f"matrix{k}", below], [f"product{k}"], axis=0))
        else:
            nodes.append(helper.make_node("MatMul", [below, f"matrix{k}"], [f"product{k}"]))
        below = "outputs" if last else f"sum{k}"
        nodes.append(helper.make_node("Add", [f"product{k}", f"bias{k}"], [below]))
        if not last:
            nodes.append(helper.make_node("Relu" if policy.relu else "Tanh", [below], [f"layer{k}"]))
            below = f"layer{k}"
    return nodes, kept
