"""Tell people that a provider key is paused, once a reason."""

from datetime import datetime, timedelta

from django.template.loader import render_to_string

from accounts.models import Notice, NoticeKind
from accounts.notices import notify
from accounts.roles import Permission
from accounts.webhooks import ProviderKeyPaused, publish_event
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from platform_site.logs import redact

KEYS_PATH = "/keys/"
# A key that fails, recovers at the probe and fails again is one story, notified once a day.
_SAME_STORY = timedelta(days=1)


def notify_key_paused(
    provider_key: ProviderKey, *, reason: str, by: str, pause: int, now: datetime
) -> None:
    """Tell the owner of a key, or the managers of a shared one, inside the pausing transaction.

    `pause` numbers the pause. One that follows another without a generation accepted in between
    (the key's `probes` count on) says nothing new for a day.
    """
    team = provider_key.team
    recent = Notice.objects.filter(
        team=team,
        kind=NoticeKind.PROVIDER_KEY_PAUSED,
        subject_id=str(provider_key.pk),
        created_at__gt=now - _SAME_STORY,
    )
    if provider_key.probes > 1 and recent.exists():
        return
    once = f"provider_key.paused:{provider_key.pk}:{pause}"
    reason = redact(reason)
    queued = Generation.objects.filter(provider_key=provider_key, state=State.QUEUED).count()
    words = {"key": provider_key, "reason": reason, "by": by, "queued": queued}
    notify(
        team=team,
        audience=provider_key.owner or Permission.TEAM_KEYS,
        kind=NoticeKind.PROVIDER_KEY_PAUSED,
        title=f"Provider key …{provider_key.last4} is paused",
        body=render_to_string("generations/mail/provider_key_paused.txt", words),
        key=once,
        path=KEYS_PATH,
        subject=provider_key,
        now=now,
    )
    event = ProviderKeyPaused(
        provider_key=provider_key.pk,
        name=str(provider_key),
        owner=provider_key.owner.email if provider_key.owner else None,
        reason=reason,
        queued=queued,
    )
    publish_event(event, team=team, subject_id=provider_key.pk, once=once, now=now)
