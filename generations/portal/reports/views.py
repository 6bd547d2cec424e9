"""What was spent on what: a month, any days, a project, a person, a key or a model."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import Permission
from generations.portal.access import MemberRequest, member_required
from generations.portal.reports.charts import chart_of
from generations.portal.reports.forms import ReportForm, sees_team
from generations.reports import Filters, csv_lines, forecast_of, report_of

_TABLES = (
    ("member", "Person", "person", ""),
    ("project", "Project", "project", "No project"),
    ("api_key", "API key", "API key", "Studio"),
    ("model", "Model", "model", ""),
    ("resolution", "Resolution", "resolution", ""),
    ("mode", "Input", "input", ""),
)


@require_safe
@member_required(Permission.SUBMIT)
def index(request: MemberRequest) -> HttpResponse:
    """Show the report: the whole team's to who sets its limits, to others their own."""
    form = ReportForm(request.membership, request.GET)
    filters = form.filters()
    context: dict[str, Any] = {"form": form, "is_team": sees_team(request.membership)}
    if filters is not None:
        context |= _figures(filters)
    return render(request, "reports/index.html", context)


@require_safe
@member_required(Permission.SUBMIT)
def download(request: MemberRequest) -> HttpResponseBase:
    """Send the same report as CSV, a row a day and combination."""
    form = ReportForm(request.membership, request.GET)
    filters = form.filters()
    if filters is None:
        context = {"form": form, "is_team": sees_team(request.membership)}
        return render(request, "reports/index.html", context, status=400)
    name = f"dailies-{request.membership.team.slug}-{filters.since}-{filters.until}.csv"
    response = StreamingHttpResponse(csv_lines(filters), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _figures(filters: Filters) -> dict[str, Any]:
    report = report_of(filters)
    return {
        "filters": filters,
        "report": report,
        "chart": chart_of(report.days),
        "forecast": forecast_of(filters, now=timezone.now()),
        "tables": [
            {
                "name": name,
                "title": title,
                "word": word,
                "nothing": nothing,
                "lines": report.by[name],
            }
            for name, title, word, nothing in _TABLES
        ],
        "ended": report.total.completed + report.total.failed + report.total.cancelled,
    }
