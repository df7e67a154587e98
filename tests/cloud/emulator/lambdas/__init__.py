"""Lambda: deployed functions run as real processes that speak the runtime API, without a container."""

from .host import Host

__all__ = ["Host"]
