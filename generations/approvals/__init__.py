"""Requests for approval, and the rules that ask for them."""

from generations.approvals.duties import deciders_of, instead_of, set_own_approval
from generations.approvals.links import read_approval_link
from generations.approvals.service import (
    approve,
    ask_for_approval,
    decide_approval,
    deny,
    exceeded_threshold,
    expire_approvals,
    needs_approval,
    set_threshold,
    withdraw_approval,
)
from generations.approvals.steps import ask_step

__all__ = [
    "approve",
    "ask_for_approval",
    "ask_step",
    "decide_approval",
    "deciders_of",
    "deny",
    "exceeded_threshold",
    "expire_approvals",
    "instead_of",
    "needs_approval",
    "read_approval_link",
    "set_own_approval",
    "set_threshold",
    "withdraw_approval",
]
