"""The type of a client for what only passes it on: naming Dask's does not load Dask (a second)."""

from typing import TYPE_CHECKING, Any

__all__ = ["Client"]

if TYPE_CHECKING:
    from distributed import Client as DaskClient

    from pipelines.here import Here

    Client = DaskClient | Here
else:
    Client = Any
