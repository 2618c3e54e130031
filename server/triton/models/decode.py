"""Decodes tiles on the server and lets the model beside it embed them.

Triton calls a model from one thread, so the tiles go to a pool; and config.pbtxt has two such processes, so that one
decodes while the other waits for the model. The model itself is loaded once, by the model NAME: this one,
NAME_encoded, sends it raw tiles through shared memory. A tile that cannot be decoded fails its own request, by its
index, and no other.
"""

from __future__ import annotations  # Triton reads the file once where pb_utils has no InferenceRequest

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

# See embed.py.
sys.path[:0] = [os.environ[name] for name in ("DUPFIND_SITE", "DUPFIND_SRC") if name in os.environ]

import numpy as np
import triton_python_backend_utils as pb_utils

from dupfind_server.engines.base import usable_cores
from dupfind_server.errors import TileError
from dupfind_server.manifest import parse_manifest
from dupfind_server.tiles import decode_tiles


class TritonPythonModel:
    """One decoder in one process; Triton calls its methods from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read which model embeds, and its tile size."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._model = parameters["dupfind_model"]["string_value"]
        self._size = parse_manifest(parameters["dupfind_manifest"]["string_value"]).tile_size
        self._pool = ThreadPoolExecutor(usable_cores(), "decode")

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer the requests in their order, with one request to the model."""
        responses: list[pb_utils.InferenceResponse | None] = [None] * len(requests)
        good: list[int] = []
        decoded: list[np.ndarray] = []
        for i, request in enumerate(requests):
            elements = pb_utils.get_input_tensor_by_name(request, "image").as_numpy().reshape(-1)
            try:
                decoded.append(decode_tiles(elements.tolist(), self._size, self._pool))
                good.append(i)
            except TileError as e:
                responses[i] = _failed(str(e), pb_utils.TritonError.INVALID_ARG)
        if good:
            for i, response in zip(good, self._embed(decoded), strict=True):
                responses[i] = response
        return responses

    def finalize(self) -> None:
        """End the pool."""
        self._pool.shutdown()

    def _embed(self, decoded: list[np.ndarray]) -> list[pb_utils.InferenceResponse]:
        answer = self._ask(decoded[0] if len(decoded) == 1 else np.concatenate(decoded))
        if answer.has_error() and len(decoded) > 1:  # one tile's fault fails its own request only
            return [response for tiles in decoded for response in self._embed([tiles])]
        if answer.has_error():
            return [pb_utils.InferenceResponse([], error=answer.error())]
        vectors = pb_utils.get_output_tensor_by_name(answer, "embedding").as_numpy()
        ends = np.cumsum([len(tiles) for tiles in decoded])
        parts = np.split(vectors, ends[:-1])
        return [pb_utils.InferenceResponse([pb_utils.Tensor("embedding", part)]) for part in parts]

    def _ask(self, tiles: np.ndarray) -> pb_utils.InferenceResponse:
        request = pb_utils.InferenceRequest(
            model_name=self._model,
            requested_output_names=["embedding"],
            inputs=[pb_utils.Tensor("image", tiles)],
        )
        return request.exec()


def _failed(text: str, code: int) -> pb_utils.InferenceResponse:
    return pb_utils.InferenceResponse([], error=pb_utils.TritonError(text, code))
