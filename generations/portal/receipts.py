"""The receipt of one generation: one page to print, every credit traced."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.roles import Permission
from generations.portal.access import MemberRequest, generation_of_person, member_required
from generations.portal.words import cost_of, status_of
from generations.receipts import receipt_of


@require_GET
@member_required(Permission.VIEW)
def receipt(request: MemberRequest, generation_id: str) -> HttpResponse:
    """Show the receipt as a page."""
    generation = generation_of_person(request, generation_id)
    context = {
        "generation": generation,
        "receipt": receipt_of(generation),
        "status": status_of(generation),
        "cost": cost_of(generation),
    }
    return render(request, "receipts/receipt.html", context)


@require_GET
@member_required(Permission.VIEW)
def receipt_json(request: MemberRequest, generation_id: str) -> HttpResponse:
    """Send the receipt as the API does."""
    return JsonResponse(receipt_of(generation_of_person(request, generation_id)))
