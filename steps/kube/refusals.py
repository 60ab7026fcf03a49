"""What to do about a refusal of the API server: one advice for each cause, found by the server's own words. Pure."""

from __future__ import annotations

# The server puts the name of the namespace in between.
_TERMINATING = "because it is being terminated"
_QUOTA = ("exceeded quota", "insufficient quota to consume", "cannot be fulfilled on resourcequotas")
# A ResourceQuota that was just created is not counted yet; an API server that just started has not read its objects.
_NOT_READY = ("status unknown for quota", "not yet ready to handle request")
# The API server's name for a request without credentials, such as that of an exec plugin that failed.
_ANONYMOUS = 'user "system:anonymous"'
_DENIED = ("denied the request", "denied request", "violates podsecurity", "denied by policy")

_ROLE = "give the service account the rendered Role"
_SIGN_IN = (
    "the API server does not accept these credentials: on a laptop, sign in to the cluster again; in a pod, check that "
    "its service account exists, if the next attempt fails too"
)
_MORE_QUOTA = "raise the ResourceQuota, or remove finished objects; the next attempt may succeed"
_WAIT = "the API server is not ready for this object yet; the next attempt may succeed"


def temporary_advice(message: str) -> str:
    """Return what to do about a refusal of admission that may end by itself; empty for any other refusal.

    A ResourceQuota is used up or not counted yet, another request changed it at the same moment, or the API server has
    just started.
    """
    if any(words in message for words in _NOT_READY):
        return _WAIT
    return _MORE_QUOTA if any(words in message for words in _QUOTA) else ""


def is_denied(message: str) -> bool:
    """Whether an admission webhook or policy denied a request; it may do so with any status."""
    return any(words in message.casefold() for words in _DENIED)


def advice(status: int, message: str) -> str:
    """Return what to do about a refusal that no retry changes."""
    if _TERMINATING in message:
        return "wait until the namespace is gone, then create it again and apply the rendered manifests"
    if is_denied(message):
        return "change the admission webhook or policy that this message names, so that it allows the request"
    return _SIGN_IN if status == 401 or _ANONYMOUS in message.casefold() else _ROLE  # noqa: PLR2004 - HTTP
