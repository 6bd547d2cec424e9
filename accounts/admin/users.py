"""People: created and changed with Django's own password forms, in the site's theme."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.audit import record
from accounts.models import AuditAction, Membership, User
from accounts.people import by_of, note_email_change, notify_previous_email
from accounts.sign_in import password_link
from platform_site.admin.base import ReadOnlyInline, SiteAdmin
from platform_site.admin.services import ConfirmForm, show_outcome
from platform_site.admin.shown import moment, related_lists
from platform_site.admin.typed import action, display
from platform_site.text.visible import visible_line

_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class PersonCreationForm(UserCreationForm):  # type: ignore[misc]  # the theme is untyped
    """A new person: address, name and password."""

    class Meta:
        model = User
        fields = ("email", "name")

    def clean_name(self) -> str:
        """Take a name of which nothing can be seen for none."""
        return visible_line(str(self.cleaned_data["name"]))

    def clean_email(self) -> str:
        """Store addresses in lower case, as the manager does."""
        return str(self.cleaned_data["email"]).strip().lower()


class PersonChangeForm(UserChangeForm):  # type: ignore[misc]  # the theme is untyped
    """A stored person; the password has a form of its own."""

    class Meta:
        model = User
        fields = "__all__"  # the fieldsets below choose
        field_classes: dict[str, Any] = {}

    def clean_name(self) -> str:
        """Take a name of which nothing can be seen for none."""
        return visible_line(str(self.cleaned_data["name"]))

    def clean_email(self) -> str:
        """Store addresses in lower case, as the manager does."""
        return str(self.cleaned_data["email"]).strip().lower()


class TeamsInline(ReadOnlyInline):
    """The teams of a person."""

    model = Membership
    fields = ("team", "role", "created_at")
    verbose_name_plural = "teams"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join the teams."""
        return super().get_queryset(request).select_related("team", "user")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, SiteAdmin):  # type: ignore[type-arg,misc]  # ours takes less
    """People sign in with an email; who leaves is deactivated, because history names them."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (TeamsInline,)
    list_display = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "is_superuser",
        "teams",
        moment("last_login"),
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    actions_detail = ("password_link",)
    date_hierarchy = "created_at"
    readonly_fields = ("last_login", "created_at", "shown_related")
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "is_active")}),
        ("Administration", {"fields": _POWERS}),
        ("Dates", {"fields": ("created_at", "last_login")}),
        ("Related", {"fields": ("shown_related",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        """Show teams once there can be some."""
        return self.inlines if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Count the teams in the same query."""
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(team_count=Count("memberships"))

    @action(
        description="Create password link",
        icon="link",
        permissions=["operate"],
        dialog={
            "title": "Create a password link?",
            "description": "Whoever has it can sign in as this person. It works once, for 3 days.",
            "form_class": ConfirmForm,
            "form_submit_text": "Create link",
        },
    )
    def password_link(
        self, request: HttpRequest, _form: ConfirmForm, object_id: str
    ) -> HttpResponse:
        """Show a link to hand over where no mail is sent."""
        user = get_object_or_404(User, pk=object_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        show_outcome(request, lambda: password_link(user, by=by_of(request)))
        url = reverse("admin:accounts_user_change", args=[user.pk])
        if request.headers.get("HX-Request"):  # a dialog asks
            return HttpResponse(headers={"HX-Redirect": url})
        return HttpResponseRedirect(url)

    @display(description="teams", ordering="team_count")
    def teams(self, user: Any) -> int:
        """Return how many teams the person is in."""
        return int(user.team_count)

    @display(description="related lists")
    def shown_related(self, user: User) -> SafeString | str:
        """Return links to everything that is the person's."""
        return related_lists(user)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Let only a superuser grant administration rights."""
        return self.readonly_fields if _is_super(request) else (*self.readonly_fields, *_POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep superusers out of the hands of everybody else."""
        if isinstance(obj, User) and obj.is_superuser and not _is_super(request):
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse: history names people; deactivate them instead."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and write down who changed what about whom."""
        before = form.initial.get("email") if change else None
        by = by_of(request)
        super().save_model(request, obj, form, change)
        if before and before != obj.email:
            note_email_change(obj, before=before, email=obj.email, by=by)
            notify_previous_email(obj, before)
        record(
            by=by,
            action=AuditAction.USER_CHANGED if change else AuditAction.USER_CREATED,
            subject=obj,
            fields=sorted(set(form.changed_data) - {"password1", "password2"}),
        )

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Write down new passwords too: their form is saved without `save_model`."""
        if isinstance(form, AdminPasswordChangeForm):
            record(by=by_of(request), action=AuditAction.USER_PASSWORD_SET, subject=form.user)
        return super().construct_change_message(request, form, formsets, add)


def _is_super(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
