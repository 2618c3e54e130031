"""Who may ask: those who know the token. Health checks alone are open, because orchestrators have no token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Never

import grpc
from grpc import aio

HEALTH = "/grpc.health.v1.Health/"
HEADER = "authorization"
SCHEME = "bearer "


class TokenInterceptor(aio.ServerInterceptor):
    """Refuses calls without the token before their message is read."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        # Of a call whose client streams nothing is read before its handler asks for it: no stranger's 64 MiB are held.
        self._refusal: Any = grpc.stream_unary_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 -- a method handler of any request and answer
        """Go on with those who have the token."""
        if handler_call_details.method.startswith(HEALTH) or self._allowed(handler_call_details):
            return await continuation(handler_call_details)
        return self._refusal

    def _allowed(self, details: grpc.HandlerCallDetails) -> bool:
        given = [value for key, value in details.invocation_metadata or () if key == HEADER]
        if len(given) != 1:
            return False
        text = given[0].decode("latin-1") if isinstance(given[0], bytes) else given[0]
        scheme, token = text[: len(SCHEME)], text[len(SCHEME) :]
        return scheme.lower() == SCHEME and hmac.compare_digest(token.encode(), self._token)


async def _refuse(_requests: object, context: aio.ServicerContext[Any, Any]) -> Never:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong: send metadata 'authorization: Bearer TOKEN'"
    )
