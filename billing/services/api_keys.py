"""Issue an API key together with its spend limits."""

from datetime import datetime

from django.db import transaction

from accounts.api_keys import create_api_key
from accounts.authority import By
from accounts.models import ApiKey, Team, User
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from billing.windows import Window


@transaction.atomic
def issue_api_key(
    *,
    team: Team,
    owner: User,
    label: str,
    by: By,
    hourly: int | None = None,
    daily: int | None = None,
    total: int | None = None,
    expires_at: datetime | None = None,
    allowed_networks: list[str] | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key with limits in credits an hour, a day and in total; None means no limit.

    Returns the key and its text, which is shown once. Raises as `create_api_key` does.
    """
    key, text = create_api_key(
        team=team,
        owner=owner,
        label=label,
        by=by,
        expires_at=expires_at,
        allowed_networks=allowed_networks,
        requests_per_minute=requests_per_minute,
    )
    # Who issues a key for themself also says how little it may do; from then on managers do.
    own_of = owner.pk if by.is_person(owner.pk) else None
    holder = LimitHolder(team, Subject("api_key", str(key.pk)), own_of=own_of)
    caps = {Window.HOUR: hourly, Window.DAY: daily, Window.TOTAL: total}
    for window, credits in caps.items():
        if credits is not None:
            set_limit(holder, window=window, credits=credits, by=by)
    return key, text
