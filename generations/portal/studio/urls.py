"""Paths of the studio."""

from django.urls import path

from generations.portal.studio import drafts, frames, views

urlpatterns = [
    path("", views.index, name="studio"),
    path("studio/submit/", views.submit, name="studio_submit"),
    path("studio/price/", views.price, name="studio_price"),
    path("studio/form/", views.form, name="studio_form"),
    path("studio/draft/", drafts.save, name="studio_draft"),
    path("studio/draft/newer/", views.newer_draft, name="studio_draft_newer"),
    path("studio/draft/discard/", drafts.discard, name="studio_draft_discard"),
    path("studio/prompts/", drafts.prompts, name="studio_prompts"),
    path("studio/frames/<slug:name>/", frames.frame, name="studio_frame"),
    path("studio/films/", views.films, name="studio_films"),
]
