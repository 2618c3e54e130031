"""An open_clip model as an ONNX file, by PyTorch's exporter."""

from __future__ import annotations

import io
from typing import Any

import torch

import graph
from dupfind_server.engines import Engine

OPSET = 18


def onnx_file(engine: Engine) -> bytes:
    """Export the image tower that the engine holds, with normalisation before and unit length after it."""
    e: Any = engine  # dupfind_server.engines.open_clip.OpenClipEngine: what it is made of is no part of its interface
    size = engine.manifest.tile_size
    module = _Tower(e._model.cpu().float(), e._mean.cpu(), e._std.cpu()).eval()  # noqa: SLF001
    out = io.BytesIO()
    tile = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    torch.backends.mha.set_fastpath_enabled(False)  # its one fused operator has no counterpart in ONNX
    with torch.no_grad():
        torch.onnx.export(
            module,
            (tile,),
            out,
            input_names=[graph.INPUT],
            output_names=[graph.OUTPUT],
            dynamic_axes={graph.INPUT: {0: "n"}, graph.OUTPUT: {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return out.getvalue()


class _Tower(torch.nn.Module):  # type: ignore[misc]  # torch is not checked
    def __init__(self, model: Any, mean: Any, std: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._model = model
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, image: Any) -> Any:  # noqa: ANN401
        x = image.permute(0, 3, 1, 2).float().div(255).sub(self.mean).div(self.std)
        out = self._model.encode_image(x)
        return out / out.norm(dim=1, keepdim=True)
