"""Paths of budgets and projects."""

from django.urls import path

from generations.portal.budgets import projects, views

urlpatterns = [
    path("budgets/", views.index, name="budgets"),
    path("budgets/limits/", views.limit, name="limit_set"),
    path("budgets/limits/lift/", views.lift, name="limit_lift"),
    path("budgets/wallet/", views.wallet, name="low_mark_set"),
    path("budgets/approvals/", views.threshold, name="threshold_set"),
    path("budgets/approvals/own/", views.own_approval, name="own_approval_set"),
    path("projects/", projects.create, name="project_create"),
    path("projects/<slug:slug>/", projects.rename, name="project_rename"),
    path("projects/<slug:slug>/switch/", projects.switch, name="project_switch"),
]
