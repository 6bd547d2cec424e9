"""Approval requests, which administrators may decide too, and the rules that cause them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.models import ApiKey, Project, Team, User
from accounts.people import by_of
from accounts.selectors import membership_of
from generations.admin.choosing import ReasonForm, one_of
from generations.approvals import approve, deny, set_threshold
from generations.models import Approval, ApprovalThreshold, Generation
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import badge_of, clean, link_to, linked, moment, roomy
from platform_site.admin.typed import ActionVariant, action, display

_DECISION_LABELS = {
    Approval.Decision.OPEN: "warning",
    Approval.Decision.APPROVED: "success",
    Approval.Decision.DENIED: "danger",
    Approval.Decision.EXPIRED: "default",
    Approval.Decision.WITHDRAWN: "default",
}


@admin.register(Approval)
class ApprovalAdmin(ActorNames, ReadOnlyAdmin, ServiceAdmin):
    """One request and its decision. The token of the emailed links stays in the database."""

    list_display = (
        moment("asked_at"),
        "shown_generation",
        linked("generation__team", order="generation__team"),
        linked("generation__user", order="generation__user"),
        "shown_credits",
        "above",
        "shown_decision",
        moment("expires_at"),
    )
    list_filter = ("decision", "generation__team")
    search_fields = (
        "generation__id__startswith",
        "generation__prompt",
        "generation__user__email",
        "decided_by",
    )
    date_hierarchy = "asked_at"
    actions_detail = ("approve", "deny")
    fields = (
        "generation",
        "shown_credits",
        "above",
        "asked_at",
        "expires_at",
        "shown_decision",
        "decided_at",
        "shown_decided_by",
        "shown_reason",
        "mail_attempts",
        "next_mail_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Join what rows name; leave tokens in the database."""
        rows: QuerySet[Approval] = super().get_queryset(request)
        return rows.select_related("generation__team", "generation__user").defer(
            "token", "generation__callback_token", "generation__fingerprint"
        )

    actor_field = "decided_by"
    shown_decided_by = actor_column("decided_by")

    @display(description="generation", ordering="generation__prompt")
    def shown_generation(self, approval: Approval) -> SafeString:
        """Return the start of the prompt, as a link."""
        return roomy(link_to(approval.generation))

    @display(description="credits", ordering="generation__credits")
    def shown_credits(self, approval: Approval) -> int:
        """Return what it would cost."""
        return approval.generation.credits

    @display(description="decision", ordering="decision")
    def shown_decision(self, approval: Approval) -> SafeString:
        """Return the decision in colour."""
        return badge_of(approval, "decision", _DECISION_LABELS)

    @display(description="reason")
    def shown_reason(self, approval: Approval) -> SafeString:
        """Return why."""
        return roomy(clean(approval.reason))

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer both decisions while it waits for one."""
        waits = Approval.objects.filter(
            generation_id=object_id, decision=Approval.Decision.OPEN
        ).exists()
        return frozenset({"approve", "deny"} if waits else ())

    def _answer(
        self, request: HttpRequest, form: ReasonForm, object_id: str, decision: Approval.Decision
    ) -> HttpResponse:
        def work(approval: Approval) -> str:
            reason, by = form.cleaned_data["reason"], by_of(request)
            if decision == Approval.Decision.APPROVED:
                approve(approval.generation, by=by, now=timezone.now(), reason=reason)
            else:
                deny(approval.generation, by=by, now=timezone.now(), reason=reason)
            return f"{decision.label}: {approval.generation}"

        return self.run_on(request, object_id, work)

    @action(
        description="Approve generation",
        icon="check",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Approve this generation?",
            "description": "It is queued now, at the price it was submitted with.",
            "form_class": ReasonForm,
            "form_submit_text": "Approve generation",
        },
    )
    def approve(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Let it be sent."""
        return self._answer(request, form, object_id, Approval.Decision.APPROVED)

    @action(
        description="Deny generation",
        icon="block",
        variant=ActionVariant.DANGER,
        permissions=["operate"],
        dialog={
            "title": "Deny this generation?",
            "description": "It is cancelled and its credits are released. This cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Deny generation",
        },
    )
    def deny(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Cancel it."""
        return self._answer(request, form, object_id, Approval.Decision.DENIED)


class ThresholdAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose generations need approval, and above how many credits."""

    team = one_of(Team.objects, ApiKey, "team")
    person = one_of(User.objects, ApiKey, "owner")
    project = one_of(Project.objects, Generation, "project")

    class Meta:
        model = ApprovalThreshold
        fields = ("above",)

    def clean(self) -> dict[str, Any]:
        """Check that the scope is one, and in the team."""
        typed = super().clean() or {}
        if self.instance.pk is not None:
            return typed
        team, person, project = (typed.get(name) for name in ("team", "person", "project"))
        if team is None:
            self.add_error("team", "Choose a team.")
            return typed
        if person is not None and project is not None:
            self.add_error("project", "Choose a person or a project, not both.")
        if person is not None and membership_of(person, team) is None:
            self.add_error("person", f"{person} is not a member of {team}.")
        if project is not None and project.team_id != team.pk:
            self.add_error("project", f"{project} is not a project of {team}.")
        return typed


@admin.register(ApprovalThreshold)
class ApprovalThresholdAdmin(ServiceAdmin):
    """Above so many credits a generation needs approval. The strictest rule applies."""

    form = ThresholdAdminForm
    list_display = ("shown_scope", linked("team"), "above", moment("created_at"))
    list_filter = ("team",)
    list_select_related = ("team", "user", "project")
    search_fields = ("team__name", "team__slug", "user__email", "project__name")
    fields = ("team", "shown_scope", "above", "created_at")
    add_fieldsets = (
        (None, {"fields": ("team", "person", "project")}),
        ("Rule", {"fields": ("above",)}),
    )

    @display(description="applies to")
    def shown_scope(self, threshold: ApprovalThreshold) -> str | SafeString:
        """Return whose generations need approval."""
        row = threshold.project or threshold.user
        return link_to(row) if row else "The whole team"

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApprovalThreshold | None = None
    ) -> Any:
        """Let only the credits of a stored rule change."""
        return ("team", "shown_scope", "created_at") if obj else ()

    def save_model(
        self, request: HttpRequest, obj: ApprovalThreshold, form: Any, change: bool
    ) -> None:
        """Set the rule; a second one for the same scope replaces the first."""
        typed = form.cleaned_data
        team, user, project = (
            (obj.team, obj.user, obj.project)
            if change
            else (typed["team"], typed["person"], typed["project"])
        )
        threshold = set_threshold(
            team=team, user=user, project=project, above=obj.above, by=by_of(request)
        )
        if threshold is not None:
            obj.pk, obj.team, obj.user, obj.project = threshold.pk, team, user, project

    def delete_model(self, request: HttpRequest, obj: ApprovalThreshold) -> None:
        """Remove the rule."""
        set_threshold(
            team=obj.team, user=obj.user, project=obj.project, above=None, by=by_of(request)
        )
