"""Every page of the portal."""

from itertools import chain

from django.urls import URLPattern, URLResolver, reverse

from generations.approvals.links import approval_link
from generations.models import Approval
from generations.portal.urls import urlpatterns
from tests.support.belongings import Belongings


def portal_paths(theirs: Belongings) -> dict[str, str]:
    """Return a path of each named route of the portal."""
    approval = Approval.objects.get(generation=theirs.waiting)
    signed = approval_link(approval, theirs.owner).rstrip("/").rpartition("/")[2]
    values = {
        "generation_id": str(theirs.kept.pk),
        "slug": theirs.project.slug,
        "delivery_id": theirs.delivery.pk,
        "endpoint_id": theirs.endpoint.pk,
        "key_id": theirs.api_key.pk,
        "discrepancy_id": theirs.discrepancy.pk,
        "name": "first",
        "signed": signed,
        "token": "unknown",
    }
    pages = [page.url_patterns for page in urlpatterns if isinstance(page, URLResolver)]
    named = [one for one in chain(*pages) if isinstance(one, URLPattern) and one.name]
    return {
        str(one.name): reverse(
            str(one.name), kwargs={name: values[name] for name in one.pattern.converters}
        )
        for one in named
    }
