"""An ONNX model for the wire: uint8 tiles [n, size, size, 3] in, unit vectors [n, dim] out, all else in the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from dupfind_server.errors import SetupError
from dupfind_server.manifest import Manifest

INPUT, OUTPUT = "image", "embedding"
INNER = "model/"  # before the names of the model's own graph, so that none meets a name of the frame
AXES_AS_INPUT = 18  # the opset from which ReduceL2 takes its axes as an input
TO_NCHW = (0, 3, 1, 2)


def is_ready(m: Manifest) -> bool:
    """Tell whether the model speaks the wire's tensors as it is, as SSCD does."""
    return (
        m.input.type == "uint8" and m.input.layout == "nhwc" and m.normalised and (m.input.name, m.output) == (INPUT, OUTPUT)
    )


def framed(path: Path, m: Manifest) -> onnx.ModelProto:
    """Put what the manifest says is done outside of the graph into it."""
    inner = onnx.load(path)
    if len(inner.graph.input) - len(inner.graph.initializer) > 1 and len(_true_inputs(inner.graph)) != 1:
        raise SetupError(f"{path}: it takes {len(_true_inputs(inner.graph))} inputs, want one")
    batch = _true_inputs(inner.graph)[0].type.tensor_type.shape.dim[0]
    if batch.HasField("dim_value"):
        raise SetupError(f"{path}: it takes batches of {batch.dim_value} only; export it with a batch of any size")
    inner = compose.add_prefix(inner, INNER)
    nodes, constants = _before(m)
    after, more = _after(m, _opset(inner))
    size = m.tile_size
    graph = helper.make_graph(
        [*nodes, *inner.graph.node, *after],
        "dupfind",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", m.dim])],
        [*inner.graph.initializer, *constants, *more],
        sparse_initializer=inner.graph.sparse_initializer,
    )
    graph.quantization_annotation.extend(inner.graph.quantization_annotation)
    model = helper.make_model(graph, opset_imports=inner.opset_import, functions=inner.functions, producer_name="dupfind")
    model.ir_version = inner.ir_version
    onnx.checker.check_model(model)
    return model


def _true_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Leave out the weights that old files list as inputs as well."""
    weights = {t.name for t in graph.initializer}
    return [i for i in graph.input if i.name not in weights]


def _opset(model: onnx.ModelProto) -> int:
    return next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))


def _before(m: Manifest) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Turn the tile into the model's input."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    at = INPUT

    def step(op: str, *more: str, **attributes: Any) -> None:  # noqa: ANN401 -- of any type that ONNX has
        nonlocal at
        to = f"tile/{len(nodes)}"
        nodes.append(helper.make_node(op, [at, *more], [to], **attributes))
        at = to

    if m.input.mean is not None and m.input.std is not None:
        step("Cast", to=TensorProto.FLOAT)
        # (pixel/255 - mean) / std, with the constants rounded once.
        mean, std = np.asarray(m.input.mean, np.float64), np.asarray(m.input.std, np.float64)
        for name, values in (("tile/mean", mean * 255), ("tile/scale", 1 / (std * 255))):
            constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        step("Sub", "tile/mean")
        step("Mul", "tile/scale")
    if m.input.layout == "nchw":
        step("Transpose", perm=TO_NCHW)
    if not nodes:
        step("Identity")
    nodes[-1].output[0] = INNER + m.input.name
    return nodes, constants


def _after(m: Manifest, opset: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Scale the model's output to unit length where the model does not."""
    out = INNER + m.output
    if m.normalised:
        return [helper.make_node("Identity", [out], [OUTPUT])], []
    divide = helper.make_node("Div", [out, "vector/length"], [OUTPUT])
    if opset < AXES_AS_INPUT:
        return [helper.make_node("ReduceL2", [out], ["vector/length"], axes=[1], keepdims=1), divide], []
    axes = numpy_helper.from_array(np.asarray([1], np.int64), "vector/axes")
    return [helper.make_node("ReduceL2", [out, axes.name], ["vector/length"], keepdims=1), divide], [axes]
