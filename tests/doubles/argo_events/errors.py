"""The error for a manifest or an event that the model does not cover."""

from __future__ import annotations


class NotModelled(NotImplementedError):  # noqa: N818 - a statement about the model, not about the input
    """Real Argo Events would do something here that this model does not know exactly.

    Never caught by the model itself: a wrong guess would be worse than no answer.
    """


class GoError(Exception):
    """Something that real Argo Events reports as an error, such as a missing path or a bad template."""
