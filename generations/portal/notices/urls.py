"""Paths of notices."""

from django.urls import path

from generations.portal.notices import views

urlpatterns = [
    path("notices/", views.index, name="notices"),
    path("notices/read/", views.read, name="notices_read"),
]
