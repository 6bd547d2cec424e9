"""The page Storage: films that were lost or are late, and how long the others are kept."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.people import name_of
from accounts.roles import Permission
from generations.archive import (
    MAX_RETENTION_DAYS,
    REMOVAL_NOTICE,
    clear_retention,
    keep_again,
    kept_until,
    late_films,
    lost_films,
    may_be_tried_again,
    outliving_films,
    retention_of,
    set_retention,
)
from generations.models import Film, Generation
from generations.portal.access import (
    MemberRequest,
    acting_member,
    generation_required,
    member_required,
)
from generations.portal.form_errors import show_error
from generations.portal.post_only import post_only
from generations.selectors import generation_for
from generations.task_object import film_of
from platform_site.errors import Conflict, InvalidRequest
from platform_site.web.form_words import PlainForm

PAGE = 30
_MOST_LATE = 50
_USUAL_DAYS = 90


class RetentionForm(PlainForm):
    """How long films are kept."""

    days = forms.IntegerField(
        min_value=1,
        max_value=MAX_RETENTION_DAYS,
        initial=_USUAL_DAYS,
        label="Days",
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
        help_text="Counted from the day a film is saved.",
    )
    keep_favourites = forms.BooleanField(required=False, initial=True, label="Keep favourites")


@require_safe
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show what is lost, what is late, and the rule; `before` names the loss to go on from."""
    return _page(request)


@post_only("archive")
@member_required(Permission.FILMS)
def retention(request: MemberRequest) -> HttpResponse:
    """Set the team's rule or, with `remove`, keep films forever again."""
    team, by = request.membership.team, acting_member(request)
    if "remove" in request.POST:
        clear_retention(team=team, by=by)
        return redirect("archive")
    form = RetentionForm(request.POST, auto_id="retention_%s")
    if form.is_valid():
        try:
            set_retention(team=team, by=by, now=timezone.now(), **form.cleaned_data)
            return redirect("archive")
        except InvalidRequest as error:
            show_error(form, error)
    return _page(request, retention_form=form)


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def again(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Try to save a lost film with a new link from the vendor."""
    film = film_of(generation)
    if film is None:
        raise Conflict("There is no film to save yet.")
    keep_again(film, by=acting_member(request), now=timezone.now())
    return redirect("film", generation.id)


def file_timeline(generation: Generation) -> dict[str, Any]:
    """Return what a film's page says of its file beside the file itself."""
    row = film_of(generation)
    is_lost = row is not None and row.state == Film.State.GIVEN_UP
    rule = retention_of(generation.team)
    return {
        "film_row": row,
        "is_lost": is_lost,
        "may_try_again": is_lost and row is not None and may_be_tried_again(row),
        "kept_until": kept_until(row, rule) if row is not None else None,
        "stays_as_favourite": rule is not None and rule.keep_favourites,
    }


def _page(request: MemberRequest, **forms: Any) -> HttpResponse:
    team, now = request.membership.team, timezone.now()
    rule = retention_of(team)
    lost = lost_films(team)
    before = request.GET.get("before", "")
    if before:
        last = film_of(generation_for(team, before))
        if last is not None and last.lost_at is not None:
            later = Q(lost_at__lt=last.lost_at) | Q(lost_at=last.lost_at, pk__lt=last.pk)
            lost = lost.filter(later)
    page = list(lost[: PAGE + 1])
    initial = {"days": rule.days, "keep_favourites": rule.keep_favourites} if rule else None
    context = {
        "rule": rule,
        "rule_set_by": name_of(rule.set_by) if rule else "",
        "soon": outliving_films(rule, by=now + REMOVAL_NOTICE).count() if rule else 0,
        "late": [] if before else late_films(team)[:_MOST_LATE],
        "lost": [(film, may_be_tried_again(film)) for film in page[:PAGE]],
        "more": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_first": not before,
        "retention_form": RetentionForm(initial=initial, auto_id="retention_%s"),
    }
    return render(request, "archive/index.html", context | forms)
