"""Paths of approvals."""

from django.urls import path

from generations.portal.approvals import views

urlpatterns = [
    path("generations/<str:generation_id>/decision/", views.decide, name="approval_decide"),
    path("approvals/", views.index, name="approvals"),
    # Where the email's link leads (`signing.approval_link`).
    path("approvals/<str:signed>", views.asked, name="approval_asked"),
]
