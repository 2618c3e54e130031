"""What export.py writes, read back."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime as ort
import pytest
from google.protobuf import text_format
from test_graph import float_model, manifest

import export
import repository
from dupfind_server.engines.onnx import find_sscd, sscd
from dupfind_server.inference import inference_pb2
from dupfind_server.manifest import Manifest, parse_manifest


def read(folder: Path) -> tuple[inference_pb2.ModelConfig, str]:
    """Read a config.pbtxt: the fields that dupfind's copy of the protocol knows, and the text without its comments."""
    text = (folder / "config.pbtxt").read_text(encoding="ascii")
    return parsed(text), "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def parsed(text: str) -> inference_pb2.ModelConfig:
    known = ("name:", "backend:", "max_batch_size:", "parameters ")
    config = inference_pb2.ModelConfig()
    text_format.Parse("\n".join(line for line in text.splitlines() if line.startswith(known)), config)
    return config


def run(*args: str | Path) -> int:
    return export.main([str(a) for a in args])


def told(config: inference_pb2.ModelConfig) -> Manifest:
    return parse_manifest(config.parameters["dupfind_manifest"].string_value)


def test_sscd_is_copied_and_described(tmp_path: Path) -> None:
    assert run("--repository", tmp_path, "--decoders", "3") == 0
    config, text = read(tmp_path / "sscd")
    assert (config.name, config.backend, config.max_batch_size) == ("sscd", "python", 64)
    assert told(config) == sscd()
    assert config.parameters["dupfind_weights"].string_value == "trained"
    facts = json.loads(config.parameters["dupfind_environment"].string_value)
    assert facts["server"] == "Triton, Python backend"
    assert facts["onnxruntime"] == ort.__version__
    assert all(isinstance(v, str) for v in facts.values())
    assert (tmp_path / "sscd/1/model.onnx").read_bytes() == find_sscd().read_bytes()
    assert "dynamic_batching" in text

    decoder, text = read(tmp_path / "sscd_encoded")
    assert (decoder.name, decoder.backend, decoder.max_batch_size) == ("sscd_encoded", "python", 64)
    assert decoder.parameters["dupfind_model"].string_value == "sscd"
    assert told(decoder) == sscd()
    assert "count: 3" in text
    assert "TYPE_STRING dims: [ 1 ]" in text


@pytest.mark.parametrize("options", [[], ["--backend", "onnxruntime"], ["--delay-us", "5000"]])
def test_no_queue_policy_and_the_reason(tmp_path: Path, options: list[str]) -> None:
    assert run("--repository", tmp_path, *options) == 0
    for name in ("sscd", "sscd_encoded"):
        _, text = read(tmp_path / name)
        assert "queue_policy" not in text
        assert "# No default_queue_policy" in (tmp_path / name / "config.pbtxt").read_text()


def test_onnxruntime_backend(tmp_path: Path) -> None:
    float_model(tmp_path / "m.onnx", "nchw", 17)
    (tmp_path / "m.json").write_text(manifest("nchw").to_json())
    out = tmp_path / "repository"
    options = ("--backend", "onnxruntime", "--weights", tmp_path / "m.onnx", "--tensorrt", "FP16", "--instances", "2")
    assert run("--repository", out, *options) == 0
    config, text = read(out / "toy")
    assert (config.name, config.backend) == ("toy", "onnxruntime")
    assert 'name: "tensorrt"' in text
    assert 'value: "FP16"' in text
    assert "count: 2 kind: KIND_GPU" in text
    assert text.count("model_warmup") == len(repository.WARM_UP)
    # The manifest stays that of the model, so that its vectors keep their key; the file is the framed one.
    assert told(config).digest.startswith("sha256:")
    assert told(config).input.type == "float32"
    session = ort.InferenceSession((out / "toy/1/model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(uint8)"


def test_onnx_file_alone_loads_with_its_manifest(tmp_path: Path) -> None:
    float_model(tmp_path / "m.onnx", "nhwc", 18)
    (tmp_path / "m.json").write_text(manifest("nhwc").to_json())
    assert run("--weights", tmp_path / "m.onnx", "--onnx", tmp_path / "framed.onnx") == 0
    assert run("--weights", tmp_path / "framed.onnx", "--repository", tmp_path / "r", "--name", "again") == 0
    config, _ = read(tmp_path / "r/again")
    assert told(config).input.type == "uint8"
    assert told(config).normalised


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "a/b"], "--name a/b: want letters"),
        (["--name", "sscd_encoded"], "not _encoded at its end"),
        (["--tensorrt", "FP16"], "add --backend onnxruntime"),
        (["--engine", "sim", "--backend", "onnxruntime"], "sim is no model"),
        (["--weights", "nowhere.onnx"], "nowhere.onnx"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run("--repository", tmp_path / "r", *options) == 1
    assert message in capsys.readouterr().err


def test_nothing_to_write_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as e:
        run()
    assert e.value.code == 2
    assert "--repository" in capsys.readouterr().err


def test_text_survives_the_config() -> None:
    text = 'a "quoted" \\ back\\slash, ünïcode 汉'
    m = Manifest("toy", 8, 16, manifest("nhwc").input, "out", source=text)
    model = repository.Model("toy", m, "random", {"gpu": text})
    config = parsed(repository.python_config(model, repository.Batching(), {}))
    assert told(config) == m
    assert json.loads(config.parameters["dupfind_environment"].string_value) == {"gpu": text}
    assert config.parameters["dupfind_weights"].string_value == "random"
