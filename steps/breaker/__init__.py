"""The circuit breaker that all pods share through one ConfigMap.

It remembers that a dependency fails. If it cannot be read or written, the step continues without it.
"""

from steps.breaker.gate import BreakerGate
from steps.breaker.shared import Breaker, Breakers
from steps.breaker.store import CircuitStore, mounted_circuits

__all__ = [
    "Breaker",
    "BreakerGate",
    "Breakers",
    "CircuitStore",
    "mounted_circuits",
]
