"""What a client calls on a circuit breaker before and after each request."""

from __future__ import annotations

from typing import Protocol


class BreakerGate(Protocol):
    """The circuit breaker of one dependency, as its client sees it."""

    def enter(self) -> float:
        """Get permission to send a request.

        Returns:
            Seconds to wait before the client enters again; 0 if it may send the request.

        Raises:
            BreakerOpenError: The dependency failed too often; try again later.
        """
        ...

    def failed(self) -> bool:
        """Report a failure; whether this client may repeat the request."""
        ...

    def limited(self, wait_s: float) -> None:
        """Report that the dependency asks all clients to wait."""
        ...

    def succeeded(self) -> None:
        """Report an answer."""
        ...
