"""Every address of the site: volunteers' pages from labelling, researchers' and admins' from morphology."""

from django.contrib import admin
from django.urls import include, path

from morphology.pages.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("labelling.pages.urls")),
    path("", include("morphology.pages.urls")),
]
