"""The models: an engine turns tiles into unit vectors in three steps, which the server times apart.

The package imports neither grpc nor, before it is asked for one, any runtime.
"""

from __future__ import annotations

from dupfind_server.engines.base import Engine, EngineSettings, embed, faults
from dupfind_server.errors import SetupError, TileError

__all__ = ["Engine", "EngineSettings", "SetupError", "TileError", "embed", "faults", "load"]


def load(settings: EngineSettings) -> Engine:
    """Load the engine that the settings name; a SetupError says what is missing."""
    match settings.engine:
        case "onnx":
            from dupfind_server.engines.onnx import OnnxEngine  # noqa: PLC0415 -- onnxruntime is an extra

            return OnnxEngine(settings)
        case "open_clip":
            from dupfind_server.engines.open_clip import OpenClipEngine  # noqa: PLC0415 -- torch is an extra

            return OpenClipEngine(settings)
        case "sim":
            from dupfind_server.engines.sim import SimEngine  # noqa: PLC0415 -- for tests only

            return SimEngine()
    raise SetupError(f"engine {settings.engine!r}: want onnx, open_clip or sim")
