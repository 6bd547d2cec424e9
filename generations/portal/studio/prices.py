"""The price that the studio shows before anybody submits: the server's own quote."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Membership
from accounts.selectors import project_for
from billing.pricing import Quote
from billing.selectors import books_of
from generations.approvals import needs_approval
from generations.limits import subjects_of
from generations.models import Generation, ProviderKey, VideoModel
from generations.ordering import credits_left, quote_request, validate_request
from generations.portal.studio.form import StudioForm
from generations.selectors import provider_key_for
from platform_site.errors import DailiesError

# What has a price; the rest may still be missing or wrong while it is shown.
_PRICED = ("duration", "resolution", "generate_audio")
_ANY_PROMPT = "A film"


@dataclass(frozen=True, slots=True)
class PriceTag:
    """A quote beside what is there to pay it: the wallet, and the room under all limits."""

    quote: Quote | None = None
    available: int = 0
    room: int = 0
    problem: str = ""
    needs_approval: bool = False

    @property
    def left(self) -> int:
        """Return what the wallet has left after this film, perhaps below zero."""
        return self.available - (self.quote.credits if self.quote else 0)

    @property
    def missing(self) -> int:
        """Return how many credits this film is above the room of wallet and limits."""
        return max(0, self.quote.credits - self.room) if self.quote else 0


def price_of(form: StudioForm, *, membership: Membership, now: datetime) -> PriceTag:
    """Quote the form as it stands; what keeps it from having a price is said in words."""
    team = membership.team
    try:
        project = project_for(team, form.project)
        body = form.payload()
        inputs = {name: body["input"][name] for name in _PRICED if name in body["input"]}
        body["input"] = {**inputs, "prompt": _ANY_PROMPT}
        request = validate_request(body, team=team, now=now)
        quote = quote_request(request, now=now)
    except DailiesError as error:
        return PriceTag(problem=form.in_words(error))
    available = books_of(team).available
    key = sending_key(membership, form.model)
    if key is None:
        return PriceTag(quote, available, room=available)
    film = Generation(
        team=team,
        user=membership.user,
        provider_key=key,
        project=project,
        model=request.model,
        credits=quote.credits,
    )
    room = credits_left(team=team, subjects=subjects_of(film), now=now)
    return PriceTag(quote, available, room=room, needs_approval=needs_approval(film))


def sending_key(membership: Membership, model: VideoModel) -> ProviderKey | None:
    """Return the provider key that the person's films of a model go out with, if there is one."""
    try:
        return provider_key_for(membership.team, membership.user, model=model.name)
    except DailiesError:
        return None
