"""The exported graph gives the vectors that the engine gives, whatever the model wants of its input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import graph
from dupfind_server.engines import EngineSettings, SetupError, embed, load
from dupfind_server.manifest import Input, Manifest

SIZE, DIM = 16, 8
NAMES = ("pixels", "out")
MEAN, STD = (0.48, 0.45, 0.4), (0.26, 0.25, 0.27)


def float_model(path: Path, layout: str, opset: int, batch: int | str = "n", names: tuple[str, str] = NAMES) -> None:
    """Write a model of random weights: each pixel has a weight for each number of the vector."""
    count = SIZE * SIZE * 3
    weights = np.random.default_rng(7).normal(size=(count, DIM)).astype(np.float32)
    shape = [batch, SIZE, SIZE, 3] if layout == "nhwc" else [batch, 3, SIZE, SIZE]
    nodes = [
        helper.make_node("Flatten", [names[0]], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], [names[1]]),
    ]
    g = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [batch, DIM])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)


def manifest(layout: str, names: tuple[str, str] = NAMES) -> Manifest:
    """Describe what float_model writes."""
    given = Input(names[0], "nhwc" if layout == "nhwc" else "nchw", "float32", MEAN, STD)
    return Manifest("toy", DIM, SIZE, given, names[1])


def noise(n: int) -> npt.NDArray[np.uint8]:
    """Give tiles of noise."""
    return np.random.default_rng(1).integers(0, 256, (n, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("names", [("pixels", "out"), ("image", "embedding"), ("tile/0", "vector/length")])
def test_framed_graph_gives_the_engines_vectors(tmp_path: Path, layout: str, opset: int, names: tuple[str, str]) -> None:
    path = tmp_path / "model.onnx"
    float_model(path, layout, opset, names=names)
    m = manifest(layout, names)
    path.with_suffix(".json").write_text(m.to_json())
    tiles = noise(5)
    want = embed(load(EngineSettings(weights=path)), tiles)

    framed = graph.framed(path, m)
    session = ort.InferenceSession(framed.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(["embedding"], {"image": tiles})

    assert [i.name for i in session.get_inputs()] == ["image"]
    assert session.get_inputs()[0].type == "tensor(uint8)"
    assert np.max(np.abs(np.asarray(got) - want)) < 1e-5
    assert np.allclose(np.linalg.norm(np.asarray(got), axis=1), 1, atol=1e-6)


def test_uint8_model_with_channels_first_is_turned(tmp_path: Path) -> None:
    g = helper.make_graph(
        [
            helper.make_node("Cast", ["in"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["float"], ["flat"], axis=1),
            helper.make_node("LpNormalization", ["flat"], ["out"], axis=1, p=2),
        ],
        "model",
        [helper.make_tensor_value_info("in", TensorProto.UINT8, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3 * SIZE * SIZE])],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    m = Manifest("toy", 3 * SIZE * SIZE, SIZE, Input("in", "nchw", "uint8"), "out", normalised=True)
    tiles = noise(2)
    session = ort.InferenceSession(graph.framed(path, m).SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(["embedding"], {"image": tiles})
    flat = tiles.transpose(0, 3, 1, 2).reshape(2, -1).astype(np.float64)
    assert np.allclose(np.asarray(got), flat / np.linalg.norm(flat, axis=1, keepdims=True), atol=1e-6)


def test_model_of_one_batch_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    float_model(path, "nhwc", 17, batch=1)
    with pytest.raises(SetupError, match="batches of 1 only"):
        graph.framed(path, manifest("nhwc"))


def test_which_models_need_no_frame() -> None:
    ready = Manifest("toy", DIM, SIZE, Input("image", "nhwc", "uint8"), "embedding", normalised=True)
    assert graph.is_ready(ready)
    assert not graph.is_ready(Manifest("toy", DIM, SIZE, Input("image", "nhwc", "uint8"), "embedding"))
    assert not graph.is_ready(Manifest("toy", DIM, SIZE, Input("image", "nhwc", "uint8"), "out", normalised=True))
    assert not graph.is_ready(manifest("nhwc", ("image", "embedding")))
