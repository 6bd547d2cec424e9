"""Paths of reports."""

from django.urls import path

from generations.portal.reports import views

urlpatterns = [
    path("reports/", views.index, name="reports"),
    path("reports/report.csv", views.download, name="report_csv"),
]
