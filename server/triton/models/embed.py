"""Triton's Python backend runs a model of dupfind's: the engines are those of server/pytorch.

Triton gives `execute` all requests that wait, up to the batch size of config.pbtxt; they are run as one batch. What is
wrong with one request's tile is told to that request alone.
"""

from __future__ import annotations  # Triton reads the file once where pb_utils has no InferenceRequest

import json
import os
import sys
from pathlib import Path
from typing import Any

# Triton starts the model with a path of its own. DUPFIND_SITE has numpy (below version 2: with numpy 2 the outputs come
# back empty) and the engine's runtime, DUPFIND_SRC has dupfind_server.
sys.path[:0] = [os.environ[name] for name in ("DUPFIND_SITE", "DUPFIND_SRC") if name in os.environ]

import numpy as np
import triton_python_backend_utils as pb_utils

from dupfind_server.engines import Engine, EngineSettings, faults, load

WARM_UP = (1, 8, 32, 64)  # batches that a GPU has seen before the server says that it is ready


class TritonPythonModel:
    """One model in one process; Triton calls its methods from one thread."""

    _engine: Engine

    def initialize(self, args: dict[str, str]) -> None:
        """Load the engine that export.py wrote into config.pbtxt, and run it once."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        fields = json.loads(config["parameters"]["dupfind_engine"]["string_value"])
        paths = {key: folder / fields[key] for key in ("weights", "manifest") if key in fields}
        self._engine = load(EngineSettings(**(fields | paths)))
        self._check(config)
        self._dim = self._engine.manifest.dim
        size = self._engine.manifest.tile_size
        on_gpu = self._engine.environment.get("device") == "cuda"
        for n in WARM_UP if on_gpu else WARM_UP[:1]:
            self._run(np.zeros((min(n, config["max_batch_size"]), size, size, 3), np.uint8))

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer the requests in their order, with one run of the model."""
        inputs = [pb_utils.get_input_tensor_by_name(request, "image").as_numpy() for request in requests]
        try:
            vectors = self._run(inputs[0] if len(inputs) == 1 else np.concatenate(inputs))
            bad = faults(vectors, len(vectors), self._dim)
        except Exception as e:  # noqa: BLE001 -- whatever a runtime raises, the server goes on
            pb_utils.Logger.log_error(f"the model failed: {e!r}")
            text = f"the model failed: {type(e).__name__} (the server's log says more)"
            return [_failed(text, pb_utils.TritonError.INTERNAL) for _ in requests]
        responses = []
        start = 0
        for tiles in inputs:
            end = start + len(tiles)
            fault = next(((i, why) for i, why in bad.items() if start <= i < end), None)
            if fault:
                responses.append(_failed(f"tile {fault[0] - start}: {fault[1]}", pb_utils.TritonError.INVALID_ARG))
            else:
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("embedding", vectors[start:end])]))
            start = end
        return responses

    def finalize(self) -> None:
        """Free the model."""
        self._engine.close()

    def _run(self, tiles: np.ndarray) -> np.ndarray:
        return self._engine.postprocess(self._engine.forward(self._engine.preprocess(tiles)))

    def _check(self, config: dict[str, Any]) -> None:
        """Hold the model against what the repository tells its clients: it may have been exported before a change."""
        told = config["parameters"]["dupfind_manifest"]["string_value"]
        if json.loads(told) != json.loads(self._engine.manifest.to_json()):
            raise ValueError("config.pbtxt tells of another model than the one here: run export.py again")


def _failed(text: str, code: int) -> pb_utils.InferenceResponse:
    return pb_utils.InferenceResponse([], error=pb_utils.TritonError(text, code))
