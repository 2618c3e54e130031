#!/usr/bin/env python3
"""The client that people write first, and the server that it needs.

    naive.py serve                      a server that takes original files; prints its address
    naive.py send ADDRESS BATCHES FOLDER   send 32 files at a time, wait for the vectors, send the next 32; prints JSON

Both speak the Open Inference Protocol as dupfind does: one BYTES tensor with the files in raw_input_contents, which is the
fastest that it offers. The server decodes a photo at the least scale that JPEG allows and makes its tile, on all cores, and
embeds by the pretend GPU of the real servers. It runs in the Python environment of server/pytorch.
"""

import io
import json
import os
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
from dupfind_server.engines.base import embed
from dupfind_server.engines.sim import TILE_SIZE, SimEngine
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.inference import inference_pb2_grpc as rpc
from dupfind_server.tiles import split_elements
from PIL import Image

BATCH = 32
MODEL = "originals"
SECONDS = "server-seconds"  # how long the server had a request, in its answer's metadata
MESSAGE_BYTES = 1 << 30
OPTIONS = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]


class Originals(rpc.GRPCInferenceServiceServicer):
    """Embeds photos of any size."""

    def __init__(self):
        self.engine = SimEngine()
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def ModelInfer(self, request, context):
        started = time.monotonic()
        files = split_elements(request.raw_input_contents[0], request.inputs[0].shape[0])
        vectors = embed(self.engine, np.stack(list(self.pool.map(tile, files))))
        answer = pb.ModelInferResponse(model_name=MODEL, id=request.id, raw_output_contents=[vectors.astype("<f4").tobytes()])
        answer.outputs.add(name="embedding", datatype="FP32", shape=vectors.shape)
        context.set_trailing_metadata([(SECONDS, repr(time.monotonic() - started))])
        return answer


def tile(data):
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (TILE_SIZE, TILE_SIZE))
        return np.asarray(image.convert("RGB").resize((TILE_SIZE, TILE_SIZE)))


def serve():
    server = grpc.server(ThreadPoolExecutor(2), options=OPTIONS)
    rpc.add_GRPCInferenceServiceServicer_to_server(Originals(), server)
    print(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", flush=True)
    server.start()
    sys.stdin.buffer.read()  # until nobody is there any more
    server.stop(None).wait()


def send(address, batches, folder):
    files = sorted(Path(folder).glob("*.jpg"))
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        stub = rpc.GRPCInferenceServiceStub(channel)
        seconds, server, sent = [], [], []
        for n in range(batches):
            started = time.monotonic()
            batch = [files[(n * BATCH + i) % len(files)].read_bytes() for i in range(BATCH)]
            request = pb.ModelInferRequest(model_name=MODEL, id=str(n))
            request.inputs.add(name="image", datatype="BYTES", shape=[BATCH, 1])
            request.raw_input_contents.append(b"".join(struct.pack("<I", len(data)) + data for data in batch))
            answer, call = stub.ModelInfer.with_call(request)
            seconds.append(time.monotonic() - started)
            vectors = np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(BATCH, -1)
            if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
                sys.exit("naive: the vectors are not of unit length")
            server.append(float(dict(call.trailing_metadata())[SECONDS]))
            sent.append(sum(map(len, batch)))
    print(json.dumps({"photos": BATCH, "seconds": seconds, "server_seconds": server, "bytes": sent}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        send(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        serve()
