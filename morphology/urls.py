"""Every address of the site: volunteers' pages from labelling, researchers' and admins' from morphology."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from morphology.accounts import to_provider
from morphology.pages.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("admin/", admin.site.urls),
    path("accounts/oidc/<slug:provider_id>/login/", to_provider, name="to_provider"),
    path("accounts/", include("allauth.urls")),
    path("language/", include("django.conf.urls.i18n")),
    path("texts.js", JavaScriptCatalog.as_view(packages=["labelling"]), name="texts"),
    path("", include("labelling.pages.urls")),
    path("", include("morphology.pages.urls")),
]
