"""Small words and shapes for the portal's templates."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import Membership, Notice
from accounts.roles import Permission, role_allows
from billing.selectors import site_zone
from billing.windows import end_of_day
from generations.catalog import ordered_inputs
from generations.decoders.shapes import LARGE, SMALL, fitted
from generations.models import Film, Generation, ProviderKey
from generations.portal.pending_cancel import (
    CancelDialog,
    cancel_dialog_for,
    pending_cancel_of,
)
from generations.portal.studio.form import slots_of
from generations.portal.words import pause_of

register = template.Library()

_RATIOS = {"16:9", "4:3", "1:1", "3:4", "9:16", "21:9"}
_TILE_HEIGHT = 260  # in CSS pixels, about; for browsers that do not measure it


@register.filter
def may(membership: Membership | None, permission: str) -> bool:
    """Return whether the role carries the permission of that name, such as `"SUBMIT"`."""
    return membership is not None and role_allows(membership.role, Permission[permission])


@register.filter
def actor_name(by: str, names: Mapping[str, str]) -> str:
    """Return how people read an actor of the books, from what the page looked up."""
    return names.get(by, by)


@register.filter
def timecode(seconds: float) -> str:
    """Show seconds as a clock does: 0:42, 3:05, 1:02:03."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{whole % 60:02d}"


@register.filter
def ratio_class(ratio: str) -> str:
    """Return the class of an aspect ratio that the style sheet knows, or the general one."""
    return f"ratio-{ratio.replace(':', 'x')}" if ratio in _RATIOS else "ratio-other"


@register.filter
def ordered_as(generation: Generation, between: str) -> str:
    """Return what a film was requested as in a line: only what its model was asked for."""
    shape = shape_of(generation, between)
    if "generate_audio" not in ordered_inputs(generation):
        return shape
    return between.join((shape, "with audio" if generation.generate_audio else "silent"))


@register.filter
def shape_of(generation: Generation, between: str) -> str:
    """Return the length and the picture of a film in a line, as its model was asked for them."""
    parts = [f"{generation.duration} s", generation.resolution]
    if "aspect_ratio" in ordered_inputs(generation):
        parts.append(generation.aspect_ratio)
    return between.join(parts)


@register.filter
def first_frame(generation: Generation) -> str:
    """Return the path of the first frame on this site; "" for none and for one elsewhere."""
    return slots_of(ordered_inputs(generation).get("image_urls", []))[0].preview


@register.filter
def until(time: datetime) -> str:
    """Say how far off a coming time is, roughly."""
    left = max(time - timezone.now(), timedelta())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = round(left.total_seconds() / size)
        if count:
            return f"in {count} {word}{'' if count == 1 else 's'}"
    return "in a moment"


@register.filter
def expiry(time: datetime) -> str:
    """Name the last day of what lasts until a day's end, as people typed it; else day and time."""
    zone = site_zone()
    local = time.astimezone(zone)
    day = local.date() - timedelta(days=1)
    if time == end_of_day(day, zone):
        return f"{day:%-d %b %Y}"
    return f"{local:%-d %b %Y, %H:%M %Z}"


@register.filter
def as_time(seconds: float | None) -> datetime | None:
    """Return the time of unix seconds, in the site's zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=site_zone())


@register.filter
def spaced(word: str) -> str:
    """Show a name from the books as words: provider_key is provider key."""
    return word.replace("_", " ").replace("api key", "API key")


@register.filter
def percent(share: float | None) -> str:
    """Show a share as whole percents, and only a whole as 100; nothing for none."""
    if share is None:
        return "–"
    return f"{min(99, round(100 * share)) if share < 1 else 100}%"


@register.filter
def short_number(number: int) -> str:
    """Show a number where there is little room: from a million on in millions, rounded down."""
    if abs(number) < 1_000_000:
        return f"{number:,}"
    return f"{number // 100_000 / 10:,.1f}M"


@register.filter
def megabytes(size: int) -> str:
    """Show bytes as people read file sizes."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f} MB"


@register.filter
def is_unread(notice: Notice, membership: Membership) -> bool:
    """Return whether the member has not seen a notice yet, of those since they joined."""
    is_later = notice.created_at >= membership.created_at
    return is_later and notice.pk > membership.notices_read_to


@register.filter
def pause_words(key: ProviderKey) -> str:
    """Say why a provider key is paused."""
    return pause_of(key)


@register.filter
def pending_cancel(generation: Generation) -> str:
    """Say what becomes of the cancel request of a generation, if there is one."""
    return pending_cancel_of(generation)


@register.filter
def cancel_dialog(generation: Generation, membership: Membership) -> CancelDialog | None:
    """Return what to ask a member before they cancel a generation; None when they may not."""
    return cancel_dialog_for(generation, membership)


@register.simple_tag
def poster_source(film: Film) -> SafeString:
    """Say to an `img` in a list where the film's poster is: in two small widths, once there are."""
    if film.stored is None or not film.stored.small_poster_name:
        return format_html('src="{}"', reverse("film_poster", args=[film.token]))
    size = film.width, film.height
    small = reverse("film_small_poster", args=[film.token])
    large = reverse("film_large_poster", args=[film.token])
    return format_html(
        'src="{}" srcset="{} {}w, {} {}w" sizes="auto, {}px"',
        *(small, small, fitted(size, SMALL)[0], large, fitted(size, LARGE)[0]),
        round(_TILE_HEIGHT * film.width / max(film.height, 1)),
    )


@register.simple_tag
def hover_film(film: Film) -> str:
    """Return the path of what a list plays of a film: its preview, or without one the film."""
    has_preview = film.stored is not None and film.stored.preview_name
    return reverse("film_preview" if has_preview else "film_file", args=[film.token])


@register.simple_tag
def ratio_picture(ratio: str) -> SafeString:
    """Draw a frame of this aspect ratio."""
    across, _, down = ratio.partition(":")
    if not (across.isdigit() and down.isdigit()):
        return format_html(_PICTURE, _rect(4, 4, 16, 16, "dashed"))
    longer = max(int(across), int(down))
    width, height = 20 * int(across) / longer, 20 * int(down) / longer
    return format_html(_PICTURE, _rect((24 - width) / 2, (24 - height) / 2, width, height))


@register.simple_tag
def resolution_picture(step: int, steps: int) -> SafeString:
    """Draw the step as so many bars, each longer than the last."""
    gap = 24 / (steps + 1)
    bars = (
        (
            f"{gap * (index + 1):.1f}",
            f"{16 - index * 12 / max(steps - 1, 1):.1f}",
            "on" if index < step else "off",
        )
        for index in range(steps)
    )
    lines = format_html_join("", '<path d="M{} 20V{}" class="bar-{}"/>', bars)
    return format_html(_PICTURE, lines)


@register.simple_tag
def use_bar(spent: int, held: int, limit: int) -> SafeString:
    """Draw how far a limit is used: spent, then held, on a line of 1000."""
    full = max(limit, spent + held, 1)
    return format_html(
        '<svg class="use" viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" '
        'aria-label="{} of {} credits used, {} of them held">'
        '<rect class="use-road" width="1000" height="8"/>'
        '<rect class="use-spent" width="{}" height="8"/>'
        '<rect class="use-held" x="{}" width="{}" height="8"/></svg>',
        spent + held,
        limit,
        held,
        round(1000 * spent / full),
        round(1000 * spent / full),
        round(1000 * held / full),
    )


@register.simple_tag
def share_bar(part: int, whole: int) -> SafeString:
    """Draw a part of a whole on a line of 1000; what is negative has no length."""
    width = round(1000 * max(part, 0) / whole) if whole > 0 else 0
    return format_html(
        '<svg class="use" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="use-road" width="1000" height="8"/>'
        '<rect class="use-spent" width="{}" height="8"/></svg>',
        min(width, 1000),
    )


_PICTURE = (
    '<svg class="picture" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">{}</svg>'
)


def _rect(x: float, y: float, width: float, height: float, tone: str = "plain") -> SafeString:
    return format_html(
        '<rect x="{}" y="{}" width="{}" height="{}" rx="1.8" class="frame-{}"/>',
        *(f"{length:.1f}" for length in (x, y, width, height)),
        tone,
    )


@register.simple_tag(takes_context=True)
def team_field(context: template.Context) -> SafeString:
    """Name the team that a form is about, so that it acts there whatever other tabs have chosen."""
    membership = context.get("membership")
    if membership is None:
        return SafeString("")
    return format_html('<input type="hidden" name="team" value="{}">', membership.team.slug)
