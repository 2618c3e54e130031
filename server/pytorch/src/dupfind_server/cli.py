"""The command line: flags and environment variables to Settings, errors to one line and an exit code."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dupfind_server import __version__
from dupfind_server.engines import load
from dupfind_server.errors import SetupError
from dupfind_server.server import serve
from dupfind_server.settings import Settings

PREFIX = "DUPFIND_SERVER_"
TOKEN = "DUPFIND_TOKEN"  # noqa: S105 -- the variable's name
MAX_TOKEN_BYTES = 4096


def main() -> None:
    """Run the server; exit 0 after a shutdown, 1 when it cannot start, 2 for wrong usage."""
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        engine = load(settings.engine_settings())
        try:
            asyncio.run(serve(settings, engine))
        finally:
            engine.close()
    except ValidationError as e:
        fail(2, "; ".join(_fault(error) for error in e.errors()))
    except SetupError as e:
        fail(1, str(e))


def fail(code: int, text: str) -> None:
    """End with one line on standard error, control characters escaped."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    sys.stderr.write(f"dupfind-server: {shown}\n")
    sys.exit(code)


def read_settings(arguments: Sequence[str], env: Mapping[str, str]) -> Settings:
    """Read flags, then environment variables that are not empty, then defaults."""
    given = vars(_parser().parse_args(arguments))
    values: dict[str, Any] = {}
    for name in _flags():
        value = given[name] if given[name] is not None else env.get(PREFIX + name.upper()) or None
        if value is not None:
            values[name] = value.split(",") if name == "warm_up" else value
    if token := _token(values.get("token_file"), env):
        values["token"] = token
    return Settings.model_validate(values)


def _flags() -> list[str]:
    return [name for name in Settings.model_fields if name != "token"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dupfind-server",
        description="Embeds dupfind's tiles for clients that ask by gRPC.",
        epilog=f"Each flag is an environment variable too, --max-queue is {PREFIX}MAX_QUEUE; the token is {TOKEN}.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dupfind-server {__version__}")
    for name in _flags():
        info = Settings.model_fields[name]
        default = info.get_default(call_default_factory=True)
        text = (info.description or "").replace("%", "%%")
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        if default is not None and default is not False:
            text += f" ({default})"
        flag = "--" + name.replace("_", "-")
        if info.annotation is bool:
            parser.add_argument(flag, dest=name, action="store_true", default=None, help=text)
        else:
            parser.add_argument(flag, dest=name, metavar=_metavar(name, default), help=text)
    return parser


def _metavar(name: str, default: object) -> str:
    if name.endswith(("file", "cert", "key", "manifest", "weights")):
        return "FILE"
    return "N" if isinstance(default, (int, float)) else "VALUE"


def _token(file: str | None, env: Mapping[str, str]) -> str:
    if file is None:
        place, token = TOKEN, os.fsencode(env.get(TOKEN, "")).strip()
        if not token:
            return ""
    else:
        place = file
        try:
            with Path(file).open("rb") as f:
                token = f.read(MAX_TOKEN_BYTES + 1).strip()
        except OSError as e:
            raise SetupError(f"read token {file}: {e.strerror}") from e
    if not token or len(token) > MAX_TOKEN_BYTES or not all(0x21 <= b <= 0x7E for b in token):
        raise SetupError(f"read token {place}: want printable ASCII without spaces, at most {MAX_TOKEN_BYTES} bytes")
    return token.decode()


def _fault(error: Any) -> str:  # noqa: ANN401 -- pydantic's own dictionary
    where = ".".join(str(part) for part in error["loc"][:1])
    text = error["msg"].removeprefix("Value error, ")
    return f"--{where.replace('_', '-')}: {text}" if where else text
