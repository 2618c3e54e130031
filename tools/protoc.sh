#!/usr/bin/env bash
# Writes the Go and the Python code of the wire contract, which are committed: run it after a change of inference.proto.
set -euo pipefail
cd "$(dirname "$0")/.."

python_tools=1.85.1 # also the least grpcio that the server runs with
go_plugin=v1.36.12
grpc_plugin=v1.6.2

tools=$PWD/build/protoc
proto=embed/remote/inference
python=server/pytorch/src/dupfind_server/inference

mkdir -p "$tools"
if [ ! -x "$tools/venv/bin/python" ]; then python3 -m venv "$tools/venv"; fi
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check "grpcio-tools==$python_tools"
GOBIN=$tools go install "google.golang.org/protobuf/cmd/protoc-gen-go@$go_plugin"
GOBIN=$tools go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$grpc_plugin"

PATH="$tools:$PATH" "$tools/venv/bin/python" -m grpc_tools.protoc -I "$proto" \
  --go_out="$proto" --go_opt=paths=source_relative \
  --go-grpc_out="$proto" --go-grpc_opt=paths=source_relative \
  --python_out="$python" --pyi_out="$python" --grpc_python_out="$python" \
  inference.proto
# The plugin writes an absolute import; the code lives in a package.
sed -i.bak 's/^import inference_pb2 as/from . import inference_pb2 as/' "$python/inference_pb2_grpc.py"
rm "$python/inference_pb2_grpc.py.bak"
