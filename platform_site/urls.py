"""Every path of the site."""

from django.contrib import admin
from django.urls import include, path

from generations.public import callbacks, files
from platform_site.clusters.health import healthz

admin.autodiscover()

urlpatterns = [
    # The first that fits is taken, and most requests are programs'.
    path("v1/", include("generations.api.urls")),
    path("", include("generations.portal.urls")),
    path("callbacks/<str:token>", callbacks.callback, name="callback"),
    # Before the film and its poster, whose patterns they fit too.
    path("films/<str:token>-preview.mp4", files.preview, {"kind": "preview"}, name="film_preview"),
    path(
        "films/<str:token>-small.webp", files.preview, {"kind": "small"}, name="film_small_poster"
    ),
    path(
        "films/<str:token>-large.webp", files.preview, {"kind": "large"}, name="film_large_poster"
    ),
    path("films/<str:token>.mp4", files.film, name="film_file"),
    path("films/<str:token>-last.jpg", files.last_frame, name="film_last_frame"),
    path("films/<str:token>.jpg", files.poster, name="film_poster"),
    path("uploads/<str:token>.<str:ending>", files.upload, name="upload_file"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
]

handler400 = "platform_site.error_pages.bad_request"
handler404 = "platform_site.error_pages.not_found"
handler429 = "platform_site.error_pages.too_many_requests"  # allauth asks for it
handler500 = "platform_site.error_pages.server_error"
