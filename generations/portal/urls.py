"""Paths of the portal: each page has its own list."""

from django.urls import include, path

urlpatterns = [
    path("", include("generations.portal.studio.urls")),
    path("", include("generations.portal.films.urls")),
    path("", include("generations.portal.feed.urls")),
    path("", include("generations.portal.approvals.urls")),
    path("", include("generations.portal.review.urls")),
    path("", include("generations.portal.archive.urls")),
    path("", include("generations.portal.budgets.urls")),
    path("", include("generations.portal.reports.urls")),
    path("", include("generations.portal.notices.urls")),
    path("", include("generations.portal.webhooks.urls")),
    path("", include("generations.portal.keys.urls")),
    path("", include("generations.portal.account.urls")),
]
