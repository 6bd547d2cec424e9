"""What a generation counts under: the scopes of spend limits, budgets and their alerts."""

from generations.limits.alerts import raise_spend_alerts
from generations.limits.budgets import ask_above, set_budget
from generations.limits.scopes.api_key import API_KEY
from generations.limits.scopes.base import AdminField, Capped, LimitChoice, LimitTarget, Scope
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.project import PROJECT
from generations.limits.scopes.registry import (
    SHOWN_SCOPES,
    capped_by,
    capped_by_each,
    chosen_target,
    scope_called,
    scope_under,
    subject_of,
    subjects_of,
)
from generations.limits.scopes.team import TEAM
from generations.limits.service import cap, cap_own

__all__ = [
    "API_KEY",
    "MEMBER",
    "PROJECT",
    "SHOWN_SCOPES",
    "TEAM",
    "AdminField",
    "Capped",
    "LimitChoice",
    "LimitTarget",
    "Scope",
    "ask_above",
    "cap",
    "cap_own",
    "capped_by",
    "capped_by_each",
    "chosen_target",
    "raise_spend_alerts",
    "scope_called",
    "scope_under",
    "set_budget",
    "subject_of",
    "subjects_of",
]
