"""Keep what somebody types, say when it was sent, and forget it after a while."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Permission
from generations.models import Draft, Generation, Upload
from generations.uploads import renew_uploads
from platform_site.errors import InvalidRequest

LIFE = timedelta(days=30)
MOST = 20  # of a person in a team; the oldest makes way
_MOST_CHARACTERS = 40_000  # of one draft in all, so that pasting too much loses nothing yet
_MOST_FIELDS = 60
_KEY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class DraftContent:
    """What the form holds; `settings` are its other fields as texts, which a new draft takes over.

    `key` is the idempotency key that the page has, "" for none: a new draft's first submission
    uses it.
    """

    prompt: str = ""
    first_frame: str = ""
    last_frame: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    remix_of: Generation | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class PageState:
    """Which page saves: itself, the page whose save it was opened with, and the count of its own
    saves.
    """

    page: str
    based_on: str = ""
    sequence: int = 0


def fresh_key() -> str:
    """Return an idempotency key for one submission."""
    return f"studio-{uuid4()}"


@transaction.atomic
def save_draft(
    token: str, content: DraftContent, *, state: PageState, by: By, now: datetime
) -> Draft:
    """Store what a page of the member's has, and return the draft that holds it from now on.

    That is another one, with a token of its own, when a page that was opened from the same draft
    has saved since: a tab that was duplicated. A save that arrives after a later one of its page
    changes nothing. Raises `PermissionDenied`, or `InvalidRequest` for more than a draft holds.
    """
    member = by.membership
    by.require(Permission.SUBMIT, team_id=member.team_id)
    _refuse_too_much(content)
    draft = _own_draft(member, token, content, state, now=now)
    if draft.page == state.page and state.sequence < draft.sequence:
        return draft
    draft.prompt = content.prompt.replace("\0", "")
    draft.first_frame = content.first_frame.replace("\0", "")
    draft.last_frame = content.last_frame.replace("\0", "")
    draft.settings = {name: text.replace("\0", "") for name, text in content.settings.items()}
    draft.remix_of = content.remix_of
    draft.page, draft.sequence, draft.saved_at = state.page, state.sequence, now
    draft.save()
    frames = [draft.first_frame, draft.last_frame]
    draft.uploads.set(renew_uploads(frames, team=member.team, now=now))
    return draft


def sent_before(membership: Membership, key: str) -> Generation | None:
    """Return the team's generation that a form with this idempotency key was sent as, if any."""
    return Generation.objects.filter(team=membership.team, idempotency_key=key).first()


def mark_sent(draft: Draft, *, now: datetime) -> Draft:
    """Note that a draft was submitted; its next submission has a key of its own."""
    draft.idempotency_key, draft.sent_at = fresh_key(), now
    draft.save(update_fields=["idempotency_key", "sent_at"])
    return draft


def discard_draft(token: str, *, by: By) -> None:
    """Delete a draft of the member's in their team; nothing happens for a token of none."""
    member = by.membership
    by.require(Permission.SUBMIT, team_id=member.team_id)
    Draft.objects.filter(team=member.team, user=member.user, token=_as_uuid(token)).delete()


@transaction.atomic
def prune_drafts(*, now: datetime) -> int:
    """Delete drafts that nobody has touched for 30 days; return how many.

    The last one of a person in a team is emptied instead: it remembers their settings.
    """
    own = Draft.objects.filter(team=OuterRef("team"), user=OuterRef("user"))
    old = Draft.objects.filter(saved_at__lt=now - LIFE)
    is_last = Q(pk=Subquery(own.values("pk")[:1]))
    deleted = old.exclude(is_last).delete()[1].get("generations.Draft", 0)
    Upload.drafts.through.objects.filter(draft__in=old).delete()
    filled = old.exclude(prompt="", first_frame="", last_frame="")
    return int(deleted + filled.update(prompt="", first_frame="", last_frame="", remix_of=None))


def _own_draft(
    member: Membership, token: str, content: DraftContent, state: PageState, *, now: datetime
) -> Draft:
    """Return the locked row that the page may write into, made where there is none."""
    own = Draft.objects.select_for_update().filter(team=member.team, user=member.user)
    written = own.exclude(page="").filter(page=state.page).first()
    if written is not None:
        return written
    known = _as_uuid(token)
    for wanted in (known, uuid4()):
        draft, is_new = Draft.objects.select_for_update().get_or_create(
            user=member.user,
            token=wanted,
            defaults={
                "team": member.team,
                "idempotency_key": content.key[:_KEY_CHARACTERS]
                if wanted == known and content.key
                else fresh_key(),
                "saved_at": now,
            },
        )
        if is_new:
            _make_room(member)
            return draft
        if draft.team_id == member.team_id and draft.page in {state.page, state.based_on}:
            return draft
    return draft


def _make_room(member: Membership) -> None:
    own = Draft.objects.filter(team=member.team, user=member.user)
    oldest = own.order_by("-saved_at", "-pk").values_list("pk", flat=True)[MOST:]
    Draft.objects.filter(pk__in=list(oldest)).delete()


def _refuse_too_much(content: DraftContent) -> None:
    settings = content.settings
    texts = (content.prompt, content.first_frame, content.last_frame, *settings, *settings.values())
    if len(settings) > _MOST_FIELDS or sum(map(len, texts)) > _MOST_CHARACTERS:
        raise InvalidRequest("This is too long to save as a draft.")


def _as_uuid(token: str) -> UUID:
    """Return the token as one; a random one for what is none."""
    try:
        return UUID(token)
    except ValueError:
        return uuid4()
