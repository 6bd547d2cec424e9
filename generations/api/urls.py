"""Paths of the API, as on the vendor's page."""

from django.urls import path, re_path

from generations.api import views
from generations.api.addresses import UNKNOWN, unknown_address

urlpatterns = [
    path("videos/generations", views.GenerationsView.as_view()),
    path("tasks/<str:task_id>", views.TaskView.as_view()),
    path("tasks/<str:task_id>/approve", views.ApproveView.as_view()),
    path("tasks/<str:task_id>/deny", views.DenyView.as_view()),
    path("tasks/<str:task_id>/cancel", views.CancelView.as_view()),
    path("tasks/<str:task_id>/receipt", views.ReceiptView.as_view()),
    re_path(r"^tasks/(?P<path>.*)$", views.UnknownTaskView.as_view(), name=UNKNOWN),
    path("credits", views.CreditsView.as_view()),
    path("uploads", views.UploadsView.as_view()),
    re_path(r"^(?P<path>.*)$", unknown_address, name=UNKNOWN),
]
