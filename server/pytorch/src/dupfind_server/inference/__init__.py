"""The wire contract, made by tools/protoc.sh from embed/remote/inference/inference.proto: do not edit."""
