"""dupfind's embedding server: tiles in, unit vectors out, by the Open Inference Protocol over gRPC.

`manifest`, `tiles` and `engines` import no grpc, so that Triton's Python backend runs the same model code.
"""

__version__ = "0.1.0"
