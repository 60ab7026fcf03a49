"""The circuit breaker that all pods share through one ConfigMap.

A cache only: if the ConfigMap cannot be read or written, the step continues without it.
"""

from steps.breaker.gate import BreakerGate
from steps.breaker.shared import Breaker, Breakers, mounted_circuits

__all__ = [
    "Breaker",
    "BreakerGate",
    "Breakers",
    "mounted_circuits",
]
