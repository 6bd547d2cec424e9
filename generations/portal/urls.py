"""Paths of the portal."""

from django.urls import path

from generations.portal import films, keys, studio, teams

urlpatterns = [
    path("", studio.index, name="studio"),
    path("studio/submit/", studio.submit, name="studio_submit"),
    path("studio/price/", studio.price, name="studio_price"),
    path("studio/form/", studio.form, name="studio_form"),
    path("studio/frames/<slug:name>/", studio.frame, name="studio_frame"),
    path("studio/active/", studio.active, name="studio_active"),
    path("studio/films/", studio.films, name="studio_films"),
    path("generations/<str:generation_id>/", films.film, name="film"),
    path("generations/<str:generation_id>/retry/", films.retry, name="film_retry"),
    path("generations/<str:generation_id>/extend/", films.extend, name="film_extend"),
    path("keys/", keys.index, name="keys"),
    path("keys/api/", keys.create, name="api_key_create"),
    path("keys/api/<int:key_id>/switch/", keys.switch, name="api_key_switch"),
    path("keys/api/<int:key_id>/delete/", keys.delete, name="api_key_delete"),
    path("keys/provider/", keys.vault, name="provider_key_add"),
    path("keys/provider/<int:key_id>/resume/", keys.resume, name="provider_key_resume"),
    path("keys/provider/<int:key_id>/delete/", keys.forget, name="provider_key_delete"),
    path("team/", teams.switch, name="team_switch"),
]
