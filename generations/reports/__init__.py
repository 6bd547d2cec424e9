"""What was spent on what: figures, CSV, receipts, and the audit of the books."""

from generations.reports.audit import audit_site
from generations.reports.csv import csv_lines
from generations.reports.overview import (
    BackgroundWork,
    background_work,
    count_by_state,
    failing_webhooks,
    films_at_risk,
    first_and_count,
    needing_review,
    paused_keys,
    waiting_approvals,
)
from generations.reports.receipt import receipt_of
from generations.reports.spending import Figures, Filters, forecast_of, report_of, this_month

__all__ = [
    "BackgroundWork",
    "Figures",
    "Filters",
    "audit_site",
    "background_work",
    "count_by_state",
    "csv_lines",
    "failing_webhooks",
    "films_at_risk",
    "first_and_count",
    "forecast_of",
    "needing_review",
    "paused_keys",
    "receipt_of",
    "report_of",
    "this_month",
    "waiting_approvals",
]
