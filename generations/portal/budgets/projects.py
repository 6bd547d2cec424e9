"""Projects: named folders of work, managed on the page of budgets."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from accounts.models import Project
from accounts.projects import archive_project, create_project, rename_project, reopen_project
from accounts.roles import Permission
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.budgets.forms import ProjectForm
from generations.portal.budgets.views import budgets_page
from generations.portal.form_errors import show_error
from generations.portal.post_only import post_only
from platform_site.errors import InvalidRequest

_BACK = "/budgets/#projects"


@post_only("budgets")
@member_required(Permission.LIMITS)
def create(request: MemberRequest) -> HttpResponse:
    """Open a project."""
    form = ProjectForm(request.POST, auto_id="project_%s")
    if form.is_valid():
        try:
            name, by = form.cleaned_data["name"], acting_member(request)
            create_project(team=request.membership.team, name=name, by=by)
            return redirect(_BACK)
        except InvalidRequest as error:
            show_error(form, error)
    return budgets_page(request, project_form=form)


@post_only("budgets")
@member_required(Permission.LIMITS)
def rename(request: MemberRequest, slug: str) -> HttpResponse:
    """Call a project something else."""
    project = _project(request, slug)
    form = ProjectForm(request.POST, auto_id=f"rename_{project.pk}_%s")
    if form.is_valid():
        try:
            name, by = form.cleaned_data["name"], acting_member(request)
            rename_project(project, name=name, by=by)
            return redirect(_BACK)
        except InvalidRequest as error:
            show_error(form, error)
    return budgets_page(request, rename_form=form, renamed=project.pk)


@post_only("budgets")
@member_required(Permission.LIMITS)
def switch(request: MemberRequest, slug: str) -> HttpResponse:
    """Archive a project or, with `reopen`, take generations for it again."""
    project, by = _project(request, slug), acting_member(request)
    if "reopen" in request.POST:
        reopen_project(project, by=by)
    else:
        archive_project(project, by=by, now=timezone.now())
    return redirect(_BACK)


def _project(request: MemberRequest, slug: str) -> Project:
    return get_object_or_404(Project, team=request.membership.team, slug=slug)
