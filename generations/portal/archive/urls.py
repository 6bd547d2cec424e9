"""Paths of the archive."""

from django.urls import path

from generations.portal.archive import views

urlpatterns = [
    path("generations/<str:generation_id>/keep/", views.again, name="film_keep_again"),
    path("archive/", views.index, name="archive"),
    path("archive/retention/", views.retention, name="retention_set"),
]
