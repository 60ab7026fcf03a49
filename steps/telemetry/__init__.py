"""Log, audit, measurements, traces and profile of a step.

Guarantees that telemetry neither fails nor delays a cancellation, and that it never gets a secret or a payload.
"""

from steps.telemetry.audit import Audit, WriteAnswer, WriteCause, WriteReason
from steps.telemetry.log import Log
from steps.telemetry.measurements import (
    MEASUREMENTS_ENV,
    NO_REPORT,
    NOT_MEASURED,
    REPORT,
    UNEXPECTED_ERROR,
    CancellationResult,
    Measure,
    Measurements,
    measurements_from_env,
)
from steps.telemetry.profiling import PROFILE_ENV, profiled
from steps.telemetry.tracing import TRACING_ENDPOINT_ENV, TRACING_OFF, Tracer, tracer_from_env

__all__ = [
    "MEASUREMENTS_ENV",
    "NOT_MEASURED",
    "NO_REPORT",
    "PROFILE_ENV",
    "REPORT",
    "TRACING_ENDPOINT_ENV",
    "TRACING_OFF",
    "UNEXPECTED_ERROR",
    "Audit",
    "CancellationResult",
    "Log",
    "Measure",
    "Measurements",
    "Tracer",
    "WriteAnswer",
    "WriteCause",
    "WriteReason",
    "measurements_from_env",
    "profiled",
    "tracer_from_env",
]
