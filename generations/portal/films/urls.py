"""Paths of one generation's page."""

from django.urls import path

from generations.portal.films import cancelling, priorities, receipt, views

urlpatterns = [
    path("studio/cancel/", cancelling.cancel_all, name="studio_cancel"),
    path("generations/<str:generation_id>/", views.film, name="film"),
    path("generations/<str:generation_id>/retry/", views.retry, name="film_retry"),
    path("generations/<str:generation_id>/extend/", views.extend, name="film_extend"),
    path("generations/<str:generation_id>/favourite/", views.favourite, name="film_favourite"),
    path("generations/<str:generation_id>/cancel/", cancelling.cancel, name="film_cancel"),
    path(
        "generations/<str:generation_id>/priority/",
        priorities.set_priority_to,
        name="film_priority",
    ),
    path("generations/<str:generation_id>/receipt/", receipt.receipt, name="receipt"),
    path("generations/<str:generation_id>/receipt.json", receipt.receipt_json, name="receipt_json"),
]
