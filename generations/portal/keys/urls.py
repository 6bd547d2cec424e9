"""Paths of keys."""

from django.urls import path

from generations.portal.keys import views

urlpatterns = [
    path("keys/", views.index, name="keys"),
    path("keys/api/", views.create, name="api_key_create"),
    path("keys/api/<int:key_id>/switch/", views.switch, name="api_key_switch"),
    path("keys/api/<int:key_id>/delete/", views.delete, name="api_key_delete"),
    path("keys/provider/", views.vault, name="provider_key_add"),
    path("keys/provider/<int:key_id>/pause/", views.pause, name="provider_key_pause"),
    path("keys/provider/<int:key_id>/send-rate/", views.send_rate, name="provider_key_send_rate"),
    path("keys/provider/<int:key_id>/resume/", views.resume, name="provider_key_resume"),
    path("keys/provider/<int:key_id>/delete/", views.forget, name="provider_key_delete"),
    path(
        "keys/discrepancies/<int:discrepancy_id>/accept/",
        views.accept_difference,
        name="discrepancy_accept",
    ),
]
