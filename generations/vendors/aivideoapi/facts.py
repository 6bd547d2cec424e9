"""What this vendor's API is, each fact with its source; docs/vendor.md has them in prose.

Sources: "page" is the vendor's page of Seedance 1.5 Pro, "vendor" its other public pages, "clients"
are public clients of it, "ours" is our own decision.
"""

from datetime import timedelta
from typing import Final

from generations.vendors.frames import FrameLimits
from generations.vendors.reports import TaskStatus
from platform_site.logs import KEY_SIGNS

NAME: Final = "aivideoapi"
TITLE: Final = "aivideoapi.ai"
ENDPOINT: Final = "https://api.aivideoapi.ai"  # page
# Seen in result links; a leading dot stands for every subdomain. Clients.
RESULT_HOSTS: Final = ("file.aivideoapi.ai", ".volces.com")

# Page.
CREATE_PATH: Final = "/v1/videos/generations"
TASK_PATH: Final = "/v1/tasks/"
CREDITS_PATH: Final = "/v1/credits"

# Keys. Page: they start so, 401. Ours: the stand-in's, which are vaulted beside the real ones.
KEY_START: Final = "sk-"
# Ours: a "task-…" is an id, and an alarm that names one must name it whole.
KEY_PATTERN: Final = rf"(?<!ta){KEY_START}{KEY_SIGNS}"
SANDBOX_KEY_START: Final = "sk-sandbox-"
SANDBOX_IN_FLIGHT: Final = 1000  # ours: it has no limit of its own
SHORTEST_KEY: Final = 10  # characters, ours
LONGEST_KEY: Final = 400  # characters, ours

# Seconds of one request. Ours: the vendor names none.
CONNECT_SECONDS: Final = 5.0
CREATE_SECONDS: Final = 30.0  # for each wait of a create
LOOK_SECONDS: Final = 10.0  # for each wait of a look
SUBMIT_SECONDS: Final = 45  # the longest a create can take, all timeouts together, with a margin

# Page ("Status transitions").
STATUSES: Final = {
    "pending": TaskStatus.PENDING,
    "processing": TaskStatus.PROCESSING,
    "completed": TaskStatus.COMPLETED,
    "failed": TaskStatus.FAILED,
}
LINK_LIFE: Final = timedelta(hours=24)  # vendor

# Clients: `data.credits` where the vendor's pages say `data.balance`.
BALANCE_NAMES: Final = ("balance", "credits")

# Page ("Error Reference"): codes that turn the key away, each with what that means for its owner.
KEY_TROUBLE: Final = {
    "insufficient_credits": "its account at the vendor has too few credits left.",
    "invalid_api_key": "the vendor does not know the key, or has disabled it.",
    "ip_not_allowed": "the vendor does not accept the key from this server's address.",
    "spend_limit_exceeded": "it has reached the spend limit that it has at the vendor.",
}
KEY_STATUSES: Final = frozenset({401, 402, 403})  # page: no other code has them
RATE_LIMITED: Final = "rate_limit_exceeded"  # page: the other 429 is of KEY_TROUBLE
TASK_UNKNOWN: Final = "task_not_found"  # page: the other 404 is of the request
# Page (503): also "The input contains sensitive or prohibited content", told by its words alone.
MODERATION_WORDS: Final = ("sensitive", "prohibited")
# Page: the status of each code; for an envelope that has one of the two. Ours: the kin of 400.
CODE_STATUSES: Final = {
    "invalid_request": 400,
    "invalid_api_key": 401,
    "insufficient_credits": 402,
    "ip_not_allowed": 403,
    "model_not_found": 404,
    TASK_UNKNOWN: 404,
    RATE_LIMITED: 429,
    "spend_limit_exceeded": 429,
    "internal_error": 500,
    "upstream_error": 503,
}
STATUS_CODES: Final = {
    400: "invalid_request",
    401: "invalid_api_key",
    402: "insufficient_credits",
    403: "permission_denied",
    404: "not_found",
    413: "invalid_request",
    415: "invalid_request",
    422: "invalid_request",
    429: RATE_LIMITED,
    500: "internal_error",
    503: "upstream_error",
}
# Page: `taskId` of a create, `id` of a look. Ours: one spelling between them.
TASK_ID_NAMES: Final = ("taskId", "task_id", "id")
# Page: `output.urls`. Ours: other names that a film's links may have, in `output` and beside it.
OUTPUT_NAMES: Final = ("output", "outputs", "result")
VIDEO_NAMES: Final = ("video_urls", "video_url", "videoUrls", "videoUrl", "videos", "video")
LINK_NAMES: Final = ("urls", "url", *VIDEO_NAMES)
# Clients: a reply without `data.taskId` is not accepted, even under 200; this is what we call it,
# and an envelope without a code.
UPSTREAM_ERROR: Final = "upstream_error"

# Vendor: of a sister model's frames.
FRAMES: Final = FrameLimits(
    media_types=("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"),
    max_bytes=30 * 1024 * 1024,
    side=(300, 6000),
    aspect=(0.4, 2.5),
)

# Vendor: of a callback, which it does not sign.
EVENT_HEADER: Final = "X-Event"
ID_HEADER: Final = "X-Task-Id"
