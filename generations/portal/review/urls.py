"""Paths of review."""

from django.urls import path

from generations.portal.review import views

urlpatterns = [
    path("generations/<str:generation_id>/review/", views.decide, name="review_decide"),
    path("generations/<str:generation_id>/look/", views.look, name="review_look"),
    path("review/", views.index, name="review"),
]
