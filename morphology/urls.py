"""Every address of the site: volunteers' pages from labelling, researchers' and admins' from morphology."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import JavaScriptCatalog, set_language

from morphology.accounts import to_provider
from morphology.pages.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("admin/", admin.site.urls),
    path("accounts/oidc/<slug:provider_id>/login/", to_provider, name="to_provider"),
    path("accounts/", include("allauth.urls")),
    # Exempt, so that a page with the chooser sets no cookie; all that a forged one does is to speak another language.
    path("language/", csrf_exempt(set_language), name="set_language"),
    path(
        "texts.js",
        cache_control(private=True, max_age=3600)(JavaScriptCatalog.as_view(packages=["labelling"])),
        name="texts",
    ),
    path("", include("labelling.pages.urls")),
    path("", include("morphology.pages.urls")),
]
