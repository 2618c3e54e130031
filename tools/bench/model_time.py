#!/usr/bin/env python3
"""The model's half of the speed bound: its own time in ONNX Runtime for a number of tiles, on all cores.

    model_time.py MODEL.onnx COUNT [--batch 16] [--tile 224]

Loading and one warm-up batch are not counted. Prints the wall time in seconds. Pixels are noise: the time does
not depend on them.
"""

import argparse
import os
import time

import numpy
import onnxruntime


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    options.inter_op_num_threads = 1
    # As the program: without it, chips that have AVX2 only saturate in int8 products.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("count", type=int)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--tile", type=int, default=224)
    args = parser.parse_args()
    run = session(args.model)
    name = run.get_inputs()[0].name
    tiles = numpy.random.default_rng(1).integers(0, 256, (args.batch, args.tile, args.tile, 3), dtype=numpy.uint8)
    run.run(None, {name: tiles})
    start = time.perf_counter()
    left = args.count
    while left > 0:
        size = min(left, args.batch)
        run.run(None, {name: tiles[:size]})
        left -= size
    print(f"{time.perf_counter() - start:.4f}")


if __name__ == "__main__":
    main()
