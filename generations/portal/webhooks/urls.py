"""Paths of webhooks."""

from django.urls import path

from generations.portal.webhooks import deliveries, views

urlpatterns = [
    path("webhooks/", views.index, name="webhooks"),
    path("webhooks/add/", views.add, name="webhook_add"),
    path("webhooks/secret/", views.secret, name="webhook_secret"),
    path("webhooks/secret/rotate/", views.rotate, name="webhook_secret_rotate"),
    path("webhooks/secret/end-old/", views.end_old, name="webhook_secret_end_old"),
    path("webhooks/deliveries/", deliveries.index, name="webhook_deliveries"),
    path("webhooks/deliveries/<uuid:delivery_id>/", deliveries.show, name="webhook_delivery"),
    path("webhooks/deliveries/<uuid:delivery_id>/again/", deliveries.again, name="webhook_again"),
    path("webhooks/<int:endpoint_id>/", views.endpoint, name="webhook_endpoint"),
    path("webhooks/<int:endpoint_id>/events/", views.events, name="webhook_events"),
    path("webhooks/<int:endpoint_id>/test/", views.test, name="webhook_test"),
    path("webhooks/<int:endpoint_id>/switch/", views.switch, name="webhook_switch"),
    path("webhooks/<int:endpoint_id>/remove/", views.remove, name="webhook_remove"),
]
