"""The pages of the portal that every page leads to, in the order in which they make room."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from accounts.models import Membership
from accounts.roles import Permission, role_allows
from generations.review import in_review_for
from generations.selectors import waiting_approval_count

_MOST_SHOWN = 99


@dataclass(frozen=True, slots=True)
class Entry:
    """One page, and where the pages within it are: at or below the paths `within`.

    `count` returns what waits there for a member; an entry that `is_shown_while_counting` has no
    place without it, unless it is the page shown.
    """

    route: str
    title: str
    icon: str
    permission: Permission = Permission.VIEW
    within: tuple[str, ...] = ()
    count: Callable[[Membership], int] | None = None
    counted: str = ""  # what the count is of, for who hears it
    is_shown_while_counting: bool = False


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as one member sees it from one page."""

    name: str
    title: str
    icon: str
    url: str
    current: str  # the value of aria-current, or nothing
    counts: bool
    count: int
    counted: str

    @property
    def count_text(self) -> str:
        """Return the count as it fits into the bar."""
        return f"{_MOST_SHOWN}+" if self.count > _MOST_SHOWN else str(self.count)


def _approvals(membership: Membership) -> int:
    decides = role_allows(membership.role, Permission.APPROVE)
    return waiting_approval_count(membership.team) if decides else 0


def _reviews(membership: Membership) -> int:
    return in_review_for(membership).count()


# The first have a place on every screen; the last are the first to move under “More”.
ENTRIES = (
    Entry("studio", "Studio", "studio", within=("/generations/",)),
    Entry("archive", "Storage", "archive", within=("/archive/",)),
    Entry(
        "approvals",
        "Approvals",
        "approvals",
        permission=Permission.SUBMIT,
        within=("/approvals/",),
        count=_approvals,
        counted="waiting",
    ),
    Entry(
        "review",
        "Review",
        "review",
        permission=Permission.SUBMIT,
        count=_reviews,
        counted="in review",
        is_shown_while_counting=True,
    ),
    Entry("budgets", "Budgets", "budgets", within=("/budgets/", "/projects/")),
    Entry("reports", "Reports", "reports", permission=Permission.SUBMIT),
    Entry("keys", "Keys", "key", within=("/keys/", "/webhooks/")),
)


def navigation_for(membership: Membership, *, path: str) -> list[ShownEntry]:
    """Return the entries that the member sees on the page at `path`, with what waits there."""
    return [
        shown
        for entry in ENTRIES
        if role_allows(membership.role, entry.permission)
        and (shown := _shown(entry, membership, path)) is not None
    ]


def _shown(entry: Entry, membership: Membership, path: str) -> ShownEntry | None:
    count = entry.count(membership) if entry.count else 0
    url = reverse(entry.route)
    current = "page" if path == url else "true" if path.startswith(entry.within) else ""
    if entry.is_shown_while_counting and not (count or current):
        return None
    return ShownEntry(
        name=entry.route,
        title=entry.title,
        icon=entry.icon,
        url=url,
        current=current,
        counts=entry.count is not None,
        count=count,
        counted=entry.counted,
    )
