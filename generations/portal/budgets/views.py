"""The page of budgets: the wallet, every limit and how full it is, and the approval rules."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Project
from accounts.roles import Permission
from billing.models import Account
from billing.selectors import site_zone
from billing.services.alerts import set_low_mark
from generations.approvals import set_own_approval
from generations.limits import ask_above, set_budget
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.budgets.forms import LimitForm, LowMarkForm, ProjectForm, ThresholdForm
from generations.portal.budgets.reads import groups_for, limit_choices_for, rules_for, target_named
from generations.portal.form_errors import show_error
from generations.portal.post_only import post_only
from platform_site.errors import InvalidRequest

_USUAL_LOW_MARK = 1000  # of a team without accounts yet


@require_safe
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show what may be spent, by whom, and what has been."""
    return budgets_page(request)


@post_only("budgets")
@member_required(Permission.SUBMIT)
def limit(request: MemberRequest) -> HttpResponse:
    """Set a limit: managers anybody's in the team, others one for themselves."""
    form = LimitForm(limit_choices_for(request.membership), request.POST, auto_id="limit_%s")
    if form.is_valid():
        try:
            set_budget(
                target_named(request.membership, form.cleaned_data.pop("target")),
                by=acting_member(request),
                **form.cleaned_data,
            )
            return redirect("/budgets/#limits")
        except InvalidRequest as error:
            show_error(form, error)
    form.known = _known(request, form)
    return budgets_page(request, limit_form=form)


@post_only("budgets")
@member_required(Permission.SUBMIT)
def lift(request: MemberRequest) -> HttpResponse:
    """Take a limit away."""
    set_budget(
        target_named(request.membership, request.POST.get("target", "")),
        window=request.POST.get("window", ""),
        credits=None,
        by=acting_member(request),
    )
    return redirect("/budgets/#limits")


@post_only("budgets")
@member_required(Permission.LIMITS)
def wallet(request: MemberRequest) -> HttpResponse:
    """Set the mark below which the wallet is called low."""
    form = LowMarkForm(request.POST)
    if form.is_valid():
        team = request.membership.team
        set_low_mark(team=team, credits=form.cleaned_data["low_at"], by=acting_member(request))
        return redirect("/budgets/#wallet")
    return budgets_page(request, low_form=form)


@post_only("budgets")
@member_required(Permission.LIMITS)
def threshold(request: MemberRequest) -> HttpResponse:
    """Set an approval rule, or, with `remove`, take it away."""
    form = ThresholdForm(request.membership, request.POST, auto_id="ask_%s")
    if "remove" in request.POST:
        form.fields["above"].required = False
    if form.is_valid():
        above = None if "remove" in request.POST else form.cleaned_data["above"]
        target = target_named(request.membership, form.cleaned_data["scope"])
        ask_above(target, above=above, by=acting_member(request))
        return redirect("/budgets/#approvals")
    return budgets_page(request, threshold_form=form)


@post_only("budgets")
@member_required(Permission.MEMBERS)
def own_approval(request: MemberRequest) -> HttpResponse:
    """Let managers approve films of their own, or require somebody else."""
    set_own_approval(
        request.membership.team, allowed="allow" in request.POST, by=acting_member(request)
    )
    return redirect("/budgets/#approvals")


def budgets_page(request: MemberRequest, **forms: Any) -> HttpResponse:
    """Show the page, with `forms` that came back with words beside their fields."""
    membership, now = request.membership, timezone.now()
    choices = limit_choices_for(membership)
    low_at = _low_at(request)
    context = {
        "groups": groups_for(membership, choices, now=now),
        "rules": rules_for(membership),
        "projects": Project.objects.filter(team=membership.team).order_by("name"),
        "zone": site_zone().key,
        "low_at": low_at,
        "limit_form": LimitForm(choices, auto_id="limit_%s"),
        "low_form": LowMarkForm(initial={"low_at": low_at}),
        "threshold_form": ThresholdForm(membership, auto_id="ask_%s"),
        "project_form": ProjectForm(auto_id="project_%s"),
    }
    return render(request, "budgets/index.html", context | forms)


def _known(request: MemberRequest, form: LimitForm) -> int | None:
    """Return the id of the limit that a refused form was for, to show its words there."""
    holders = (
        holder
        for group in groups_for(
            request.membership, limit_choices_for(request.membership), now=timezone.now()
        )
        for holder in group.holders
        if holder.choice.may_cap and holder.choice.value == form["target"].value()
    )
    uses = (use for holder in holders for use in holder.uses)
    window = form["window"].value()
    return next((use.limit.pk for use in uses if use.limit.window == window), None)


def _low_at(request: MemberRequest) -> int:
    wallets = Account.objects.filter(team=request.membership.team, kind=Account.Kind.WALLET)
    low_at: int | None = wallets.values_list("low_at", flat=True).first()
    return _USUAL_LOW_MARK if low_at is None else low_at
