"""Safe HTTP to places that somebody outside named: the only door, besides the provider client.

`guarded_client` makes the client, `fetch_to_file` downloads with it and `post_json` posts with
it. The guard itself, and what it promises, is in ``platform_site.http.guard``.
"""

from platform_site.http.fetch import (
    Fetched,
    FetchError,
    FetchFailed,
    FetchGone,
    FetchRefused,
    Interrupted,
    TooLarge,
    Truncated,
    fetch_to_file,
)
from platform_site.http.guard import (
    AddressRefused,
    GuardedBackend,
    GuardedClient,
    guarded_client,
    provably_unsent,
    shared_ssl_context,
    system_resolve,
    total_deadline,
)
from platform_site.http.post import (
    PostError,
    PostFailed,
    PostRefused,
    Reply,
    post_json,
    read_capped,
)

__all__ = [
    "AddressRefused",
    "FetchError",
    "FetchFailed",
    "FetchGone",
    "FetchRefused",
    "Fetched",
    "GuardedBackend",
    "GuardedClient",
    "Interrupted",
    "PostError",
    "PostFailed",
    "PostRefused",
    "Reply",
    "TooLarge",
    "Truncated",
    "fetch_to_file",
    "guarded_client",
    "post_json",
    "provably_unsent",
    "read_capped",
    "shared_ssl_context",
    "system_resolve",
    "total_deadline",
]
