"""All that can be set, in one place: each field is a flag and an environment variable of the command line."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from dupfind_server.engines.base import EngineSettings

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """What the server runs, where it listens, who may ask, and how much at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    engine: Literal["onnx", "open_clip", "sim"] = Field("onnx", description="what runs the model; sim is for tests only")
    weights: Path | None = Field(
        None, description="the model's file: ONNX (default: SSCD from dupfind's cache), or an open_clip checkpoint"
    )
    manifest: Path | None = Field(None, description="onnx: the model's manifest (default: the JSON beside the model)")
    model: str = Field("ViT-B-32", description="open_clip: the architecture")
    pretrained: str = Field(
        "laion2b_s34b_b79k", description='open_clip: the tag of the weights, or "random" to measure without any'
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the GPU where there is one")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="open_clip; auto: fp16 on a GPU, else fp32"
    )
    compile: bool = Field(default=False, description="open_clip: torch.compile, slow to start and faster after")
    threads: int = Field(0, ge=0, description="threads of the model on a CPU (0: one for each core)")

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: Port = Field(8001, description="port to listen on (0: any free one)")
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="address of the metrics, which hold counts and times only"
    )
    metrics_port: Port = Field(8002, description="port of the metrics (0: any free one)")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM): serve by TLS")
    tls_key: Path | None = Field(None, description="the certificate's private key (PEM)")
    token_file: Path | None = Field(None, description="file of the token to ask for (default: DUPFIND_TOKEN, else none)")
    token: SecretStr | None = Field(None, exclude=True, description="from --token-file or DUPFIND_TOKEN, never a flag")
    insecure: bool = Field(default=False, description="listen off this machine without TLS or without a token all the same")

    max_batch: Annotated[int, Field(ge=1, le=1024)] = Field(
        64, description="most tiles in a request and in a run of the model"
    )
    max_queue: Count = Field(512, description="most tiles that wait; beyond it requests are refused")
    max_message_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = Field(64 << 20, description="largest message")
    max_requests: Count = Field(128, description="most requests at once, waiting ones included")
    decode_threads: int = Field(0, ge=0, description="threads that decode tiles (0: one for each core)")
    warm_up: tuple[Count, ...] = Field((1, 8, 32, 64), description="batches to run before the server is ready, as 1,8,32,64")
    grace: Annotated[float, Field(ge=0, le=3600)] = Field(10.0, description="seconds for running requests at shutdown")
    ready_file: Path | None = Field(None, description="file to write the ready line to as well")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="what goes to stderr")

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key belong together: give both or none")
        if not is_loopback(self.host) and not self.insecure and not (self.tls_cert and self.token):
            raise ValueError(
                f"--host {self.host} can be reached from other machines, which needs TLS and a token: "
                "give --tls-cert, --tls-key and --token-file; or listen on 127.0.0.1 and let clients come through an SSH "
                "tunnel; or say --insecure"
            )
        if self.max_queue < self.max_batch:
            raise ValueError(f"--max-queue {self.max_queue} is less than --max-batch {self.max_batch}")
        return self

    def engine_settings(self) -> EngineSettings:
        """Give what concerns the engine."""
        return EngineSettings(
            engine=self.engine,
            weights=self.weights,
            manifest=self.manifest,
            model=self.model,
            pretrained=self.pretrained,
            device=self.device,
            precision=self.precision,
            compile=self.compile,
            threads=self.threads,
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address; of names only localhost is known to be."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def join_host_port(host: str, port: int) -> str:
    """Write an address and a port as one text, an IPv6 address in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
