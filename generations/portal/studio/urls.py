"""Paths of the studio."""

from django.urls import path

from generations.portal.studio import views

urlpatterns = [
    path("", views.index, name="studio"),
    path("studio/submit/", views.submit, name="studio_submit"),
    path("studio/price/", views.price, name="studio_price"),
    path("studio/form/", views.form, name="studio_form"),
    path("studio/frames/<slug:name>/", views.frame, name="studio_frame"),
    path("studio/active/", views.active, name="studio_active"),
    path("studio/films/", views.films, name="studio_films"),
]
