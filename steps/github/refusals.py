"""What to do about a refusal of GitHub: one advice for each cause, found by GitHub's own words. Pure."""

from __future__ import annotations

SECONDARY_LIMIT_S = 60.0

# GitHub names a rate limit in these words, with or without headers; the second is that of older servers.
_LIMITED = (
    "rate limit",
    "abuse detection mechanism",
    "please wait a few minutes",
    "please retry your request again later",
)

_CLOCK = "correct the clock of this machine: GitHub compares it with the times in the App's signature"
_LOCKED = "unlock the conversation, or give the App or token write access to the repository"

# The first row whose words are in the message counts.
_ADVICE: tuple[tuple[str, str], ...] = (
    ("ip allow list", "add the address that GitHub sees (the cluster's, or the proxy's) to the IP allow list"),
    ("saml", "authorize the token for the organization's single sign-on, or use a GitHub App"),
    ("lifetime is greater than", "make a token that expires sooner, as the organization asks, or use a GitHub App"),
    (
        "forbids access via a personal access token (classic)",
        "use a GitHub App, or a fine-grained token, as the organization asks",
    ),
    (
        "forbids access via a fine-grained personal access token",
        "use a GitHub App, or ask an owner of the organization to allow fine-grained tokens",
    ),
    ("oauth app access restrictions", "ask an owner of the organization to approve the OAuth App, or use a GitHub App"),
    ("archived", "unarchive the repository, or remove it from events.repositories"),
    ("suspended", "ask an owner of the organization to unsuspend the GitHub App's installation, or the account"),
    ("issue is locked", _LOCKED),
    ("create labels", "create the label in the repository, or give the App or token write access to issues"),
    ("more than 100 labels", "remove a label of the pull request: GitHub allows a hundred"),
    ("locked for migration", "wait for the end of the repository's migration, then start the cancellation again"),
    ("repository access blocked", "ask GitHub Support: GitHub blocked this repository"),
    ("blocked", "ask the owner of the repository to unblock the account of the token"),
    ("'issued at' claim", _CLOCK),
    ("'expiration time' claim", _CLOCK),
    ("json web token could not be decoded", "correct app-id and private-key.pem in the Secret: they do not match"),
    ("integration not found", "correct app-id in the Secret: GitHub has no such App"),
    (
        "not granted to this installation",
        "give the App read and write access to pull requests and issues, and accept the change in its installation",
    ),
    (
        "not accessible by integration",
        "give the App read and write access to pull requests and issues, and accept the change in its installation",
    ),
    (
        "not accessible by personal access token",
        "give the token read and write access to pull requests and issues of this repository",
    ),
    ("bad credentials", "the token is wrong, revoked or expired: renew the Secret"),
)
_UNKNOWN = {
    401: "the credentials are wrong or have expired, renew the Secret",
    403: "give the App or token read and write access to pull requests and issues",
}


def is_rate_limit(message: str) -> bool:
    """Whether the message of a 403 or 429 names a rate limit."""
    return any(words in message.casefold() for words in _LIMITED)


def advice(status: int, message: str) -> str:
    """Return what to do about a refusal; empty if its cause is not known."""
    found = (fix for words, fix in _ADVICE if words in message.casefold())
    return next(found, _UNKNOWN.get(status, ""))
