"""Make people, money, keys and generations, through the same services as the site."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from PIL import Image

from accounts.authority import By
from accounts.models import ApiKey, Membership, Team, User
from accounts.roles import Role
from accounts.teams.service import create_team, set_role
from billing.admission import WantedHold, plan_holds, read_wallet
from billing.ledger import grant
from billing.models import Hold, SpendLimit
from billing.services.api_keys import issue_api_key
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from generations.archive.store import film_storage
from generations.lifecycle import TERMINAL, Ending, Money, ReviewCause, ReviewReason, State
from generations.models import Film, Generation, ProviderKey
from generations.ordering.request import GenerationRequest, validate_request
from generations.ordering.submit import submit_generation
from generations.provider_keys.service import add_provider_key
from generations.transitions import end_generation, transition
from generations.vendors import ProviderRefused, RefusalKind
from tests.support.api import generation_body

SYSTEM = By("test", acts_everywhere=True)
PASSWORD = "correct horse battery staple"  # of everybody that `make_user` makes
_count = itertools.count(1)


@dataclass(frozen=True)
class IssuedKey:
    """An API key and its text, which only its issuer ever sees."""

    key: ApiKey
    text: str


def make_team(name: str = "Studio", *, credits: int = 0) -> Team:
    """Create a team, funded with `credits`."""
    team = create_team(name=name, slug=f"{slugify(name)}-{next(_count)}", by=SYSTEM)
    if credits:
        fund(team, credits)
    return team


def fund(team: Team, credits: int) -> None:
    """Add credits to the team's wallet."""
    grant(team=team, credits=credits, reason="For a test", by=SYSTEM)


def make_user(email: str | None = None, *, admin: bool = False, **fields: Any) -> User:
    """Create a person, with `admin` an administrator of the installation; see `PASSWORD`."""
    address = email or f"person{next(_count)}@studio.example"
    create = User.objects.create_superuser if admin else User.objects.create_user
    return create(address, PASSWORD, **fields)


def make_member(
    team: Team, role: str = Role.MEMBER, *, email: str | None = None, user: User | None = None
) -> Membership:
    """Put a person, by default a new one, into the team."""
    return set_role(team=team, user=user or make_user(email), role=role, by=SYSTEM)


def make_api_key(membership: Membership, **options: Any) -> IssuedKey:
    """Issue an API key; `options` as `issue_api_key` takes them."""
    options.setdefault("label", "Test key")
    key, text = issue_api_key(team=membership.team, owner=membership.user, by=SYSTEM, **options)
    return IssuedKey(key, text)


def make_provider_key(
    team: Team, owner: User | None = None, *, secret: str | None = None, label: str = ""
) -> ProviderKey:
    """Vault a key, without an owner the team's shared one; it is pinned to `SANDBOX_URL`."""
    secret = secret or f"sk-sandbox-{next(_count):08d}-secret"
    return add_provider_key(team=team, owner=owner, secret=secret, label=label, by=SYSTEM)


def make_limit(subject: Subject, credits: int, *, team: Team, window: str = "total") -> SpendLimit:
    """Cap what a subject may spend in a window."""
    limit = set_limit(LimitHolder(team, subject), window=window, credits=credits, by=SYSTEM)
    assert limit is not None
    return limit


def team_subject(team: Team) -> Subject:
    """Return the team as a spend limit's subject."""
    return Subject("team", str(team.pk))


def make_hold(
    team: Team, amount: int = 70, *, subjects: tuple[Subject, ...] = (), now: datetime | None = None
) -> Hold:
    """Hold credits for something that is no generation."""
    purpose = Subject("test", str(next(_count)))
    wanted = [WantedHold(amount, purpose, subjects)]
    plan = plan_holds(team=team, wanted=wanted, now=now or timezone.now(), wallet=read_wallet(team))
    holds = plan.holds()
    with transaction.atomic(), plan.taking(holds, by=SYSTEM):
        pass
    return holds[0]


def make_request(team: Team, prompt: str = "A quiet lake", **inputs: Any) -> GenerationRequest:
    """Validate a request; everything but the prompt has the vendor's default (70 credits)."""
    body = generation_body(prompt, **inputs)
    return validate_request(body, team=team, now=timezone.now())


def refusal(
    code: str = "insufficient_credits", message: str = "Top up.", *, status: int = 402
) -> ProviderRefused:
    """Return the vendor's refusal of a key."""
    return ProviderRefused(status=status, code=code, message=message, kind=RefusalKind.KEY)


def make_generation(
    membership: Membership,
    state: str = State.QUEUED,
    *,
    now: datetime | None = None,
    upstream_id: str | None = None,
    film: bool = True,
    ending: Ending | None = None,
    error_code: str = "upstream_error",
    error_message: str = "The vendor said no.",
    submission: dict[str, Any] | None = None,
    **inputs: Any,
) -> Generation:
    """Submit a generation and move it to `state` by the site's own moves, money included.

    The person or team needs a provider key and credits. A completed one has a kept film of one
    small file, unless `film` is false (then it is still being kept). `submission` goes to
    `submit_generation`, `inputs` into the request.
    """
    now = now or timezone.now()
    request = make_request(membership.team, **inputs)
    generation = submit_generation(request, by=By.member(membership), now=now, **(submission or {}))
    return bring_to(
        generation,
        state,
        now=now,
        upstream_id=upstream_id,
        film=film,
        ending=ending,
        error_code=error_code,
        error_message=error_message,
    )


def bring_to(
    generation: Generation,
    state: str,
    *,
    now: datetime,
    upstream_id: str | None = None,
    film: bool = True,
    ending: Ending | None = None,
    error_code: str = "upstream_error",
    error_message: str = "The vendor said no.",
) -> Generation:
    """Move a queued generation to `state`, as `make_generation` does."""
    upstream_id = upstream_id or f"upstream-{next(_count)}"
    if state == State.QUEUED:
        return generation
    if state == State.CANCELLED:
        _end(generation, ending or Ending.CANCELLED, now, message="Cancelled.")
        return generation
    assert transition(
        generation, State.SUBMITTING, by=SYSTEM, submitted_at=now, next_submit_at=None
    )
    if state == State.SUBMITTING:
        return generation
    assert transition(
        generation,
        State.PROCESSING,
        by=SYSTEM,
        upstream_id=upstream_id,
        accepted_at=now,
        next_poll_at=now,
    )
    if state == State.NEEDS_REVIEW:
        assert transition(
            generation,
            State.NEEDS_REVIEW,
            by=SYSTEM,
            cause=ReviewCause.DEADLINE_PASSED,
            review_reason=ReviewReason.SILENT,
        )
    if state in TERMINAL:
        usual = Ending.COMPLETED if state == State.COMPLETED else Ending.FAILED
        _end(generation, ending or usual, now, error_code, error_message)
    if state == State.COMPLETED:
        make_film(generation, now=now, kept=film)
    return generation


def make_film(generation: Generation, *, now: datetime, kept: bool = True) -> Film:
    """Give a completed generation its film row and, when it is kept, small files."""
    row = Film(
        generation=generation,
        source_url="https://file.aivideoapi.ai/videos/1.mp4",
        link_expires_at=now + timedelta(hours=24),
        created_at=now,
        next_attempt_at=None if kept else now,
    )
    if kept:
        row.state, row.kept_at = Film.State.KEPT, now
        row.sha256, row.size, row.width, row.height, row.frames = "0" * 64, 1000, 1280, 720, 120
        stem = f"tests/{generation.id}"
        row.file_name = film_storage().save(f"{stem}.mp4", ContentFile(bytes(range(250)) * 4))
        row.poster_name = film_storage().save(f"{stem}.jpg", ContentFile(image_bytes()))
        row.last_frame_name = film_storage().save(f"{stem}-last.jpg", ContentFile(image_bytes()))
    row.save(force_insert=True)
    return row


def image_bytes(kind: str = "JPEG", size: tuple[int, int] = (640, 360), mode: str = "RGB") -> bytes:
    """Return a small image file."""
    stream = BytesIO()
    Image.new(mode, size).save(stream, format=kind)
    return stream.getvalue()


def _end(
    generation: Generation, ending: Ending, now: datetime, code: str = "", message: str = ""
) -> None:
    if ending == Ending.COMPLETED:
        paid = Money.SETTLE
        assert end_generation(generation, ending, money=paid, by=SYSTEM, now=now, seed=41485)
        return
    assert end_generation(
        generation,
        ending,
        money=Money.RELEASE,
        by=SYSTEM,
        now=now,
        error_code=code,
        error_message=message,
    )
