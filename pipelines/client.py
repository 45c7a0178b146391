"""The type of Dask's client for what only passes it on: naming it does not load Dask (a second)."""

from typing import TYPE_CHECKING, Any

__all__ = ["Client"]

if TYPE_CHECKING:
    from distributed import Client
else:
    Client = Any
