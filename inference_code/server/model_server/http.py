"""Run an application over HTTP, within limits."""

import uvicorn
from starlette.applications import Starlette

GRACE_SECONDS = 10
_MOST_CONNECTIONS = 512


def http_server(application: Starlette) -> uvicorn.Server:
    """Create the server of an application: limited in connections and headers, ends in order."""
    config = uvicorn.Config(
        application,
        http="h11",  # bounds the size of headers
        limit_concurrency=_MOST_CONNECTIONS,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)
