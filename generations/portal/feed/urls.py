"""Path of the feed."""

from django.urls import path

from generations.portal.feed import views

urlpatterns = [path("feed/", views.feed, name="feed")]
