#!/usr/bin/env python3
"""Makes the tiny models of this folder, for tests of what embed/local does with models that are not the default one.

    pip install onnx && python make_models.py

Each takes 8 x 8 pixels (some: any size) and gives the mean of each channel, so that a test can compute the answer.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent


def save(name: str, kind: int, shape: list[int | str], out: list[int | str], *, unit: bool = False) -> None:
    """Write a model that averages over the sides; unit: it divides by the length as well, so that black gives NaN."""
    sides = [1, 2] if shape[-1] == 3 else [2, 3]
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean" if unit else "embedding"], axes=sides, keepdims=0),
    ]
    if unit:
        nodes += [
            helper.make_node("ReduceL2", ["mean"], ["length"], axes=[1], keepdims=1),
            helper.make_node("Div", ["mean", "length"], ["embedding"]),
        ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, out)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / f"{name}.onnx")


save("u8_nhwc", TensorProto.UINT8, ["n", "h", "w", 3], ["n", 3])
save("u8_nchw", TensorProto.UINT8, ["n", 3, 8, 8], ["n", 3])
save("f32_nhwc", TensorProto.FLOAT, ["n", 8, 8, 3], ["n", 3])
save("f32_nchw", TensorProto.FLOAT, ["n", 3, 8, 8], ["n", 3])
save("f16_nchw", TensorProto.FLOAT16, ["n", 3, 8, 8], ["n", 3])
save("one", TensorProto.UINT8, [1, 8, 8, 3], [1, 3], unit=True)
save("four", TensorProto.UINT8, [4, 8, 8, 3], [4, 3])
save("unit", TensorProto.UINT8, ["n", "h", "w", 3], ["n", 3], unit=True)
