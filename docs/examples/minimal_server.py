"""The smallest server that dupfind takes: SSCD behind the calls of docs/protocol.md, which says how to run it.

    minimal_server.py FILE.onnx [PORT]

For reading and for trying out, on loopback. Another model: change MANIFEST and embed.
"""

import hashlib
import json
import sys
from concurrent import futures
from pathlib import Path

import grpc
import inference_pb2 as pb
import inference_pb2_grpc as rpc
import numpy as np
import onnxruntime

FILE, PORT = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8001
SIZE, DIM, MOST = 224, 512, 64
MANIFEST = {
    "name": "sscd",
    "digest": "sha256:" + hashlib.sha256(FILE.read_bytes()).hexdigest(),
    "dim": DIM,
    "tile_size": SIZE,
    "input": {"name": "image", "layout": "nhwc", "type": "uint8"},
    "output": "embedding",
    "resampling": "bicubic",
    "normalised": True,
    "calibration": {
        "knots": [
            {"cosine": 0, "similarity": 0},
            {"cosine": 0.35, "similarity": 0.90},
            {"cosine": 0.44, "similarity": 0.95},
            {"cosine": 1, "similarity": 1},
        ],
        "source": "measured on 2.6 million pairs of unrelated photos at 224 px",
    },
}
SESSION = onnxruntime.InferenceSession(str(FILE), providers=["CPUExecutionProvider"])


def embed(tiles):
    """Give float32 [n, DIM], rows of length 1, for uint8 [n, SIZE, SIZE, 3]."""
    return SESSION.run(["embedding"], {"image": tiles})[0]


class Server(rpc.GRPCInferenceServiceServicer):
    def ServerLive(self, request, context):
        return pb.ServerLiveResponse(live=True)

    def ServerReady(self, request, context):
        return pb.ServerReadyResponse(ready=True)

    def ModelReady(self, request, context):
        return pb.ModelReadyResponse(ready=request.name == MANIFEST["name"])

    def ModelMetadata(self, request, context):
        self.check(request.name, context)
        tensor = pb.ModelMetadataResponse.TensorMetadata
        image = tensor(name="image", datatype="UINT8", shape=[-1, SIZE, SIZE, 3])
        embedding = tensor(name="embedding", datatype="FP32", shape=[-1, DIM])
        return pb.ModelMetadataResponse(name=request.name, inputs=[image], outputs=[embedding])

    def ModelConfig(self, request, context):
        self.check(request.name, context)
        told = {"dupfind_manifest": json.dumps(MANIFEST), "dupfind_weights": "trained"}
        parameters = {key: pb.ModelParameter(string_value=value) for key, value in told.items()}
        return pb.ModelConfigResponse(config=pb.ModelConfig(name=request.name, parameters=parameters))

    def RepositoryIndex(self, request, context):
        return pb.RepositoryIndexResponse(models=[{"name": MANIFEST["name"], "state": "READY"}])

    def ModelInfer(self, request, context):
        self.check(request.model_name, context)
        n, raw = request.inputs[0].shape[0], request.raw_input_contents[0]
        if not 1 <= n <= MOST or len(raw) != n * SIZE * SIZE * 3:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{len(raw)} bytes for {n} tiles, want 1 to {MOST} tiles")
        vectors = embed(np.frombuffer(raw, np.uint8).reshape(n, SIZE, SIZE, 3))
        output = pb.ModelInferResponse.InferOutputTensor(name="embedding", datatype="FP32", shape=[n, DIM])
        content = vectors.astype("<f4").tobytes()
        return pb.ModelInferResponse(id=request.id, outputs=[output], raw_output_contents=[content])

    def check(self, name, context):
        if name != MANIFEST["name"]:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {name!r} here")


limits = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
server = grpc.server(futures.ThreadPoolExecutor(16), options=limits)
rpc.add_GRPCInferenceServiceServicer_to_server(Server(), server)
server.add_insecure_port(f"127.0.0.1:{PORT}")
server.start()
print(f"ready: dupfind scan DIR --backend grpc://127.0.0.1:{PORT}", flush=True)
server.wait_for_termination()
