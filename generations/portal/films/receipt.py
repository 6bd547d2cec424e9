"""The receipt of one generation: one page to print, every credit traced."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.roles import Permission
from generations.models import Generation
from generations.portal.access import MemberRequest, generation_required
from generations.portal.words import cost_of
from generations.reports import receipt_of


@require_safe
@generation_required(Permission.VIEW)
def receipt(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Show the receipt as a page."""
    context = {
        "generation": generation,
        "receipt": receipt_of(generation),
        "cost": cost_of(generation),
    }
    return render(request, "receipts/receipt.html", context)


@require_safe
@generation_required(Permission.VIEW)
def receipt_json(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Send the receipt as the API does."""
    return JsonResponse(receipt_of(generation))
