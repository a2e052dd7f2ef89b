"""The one settings file. Everything that changes from place to place is an environment variable, read here alone.

docs/operations.md documents each. With none set this is the demo: embedded servers, files under ./data.
"""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from morphology import env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("VOORWERP_DATA", BASE_DIR / "data")
PRODUCTION = env.flag("VOORWERP_PRODUCTION")
DEBUG = env.flag("VOORWERP_DEBUG")


def _secret_key() -> str:
    """The given key; outside production one is made once and kept in the data folder."""
    if given := env.text("SECRET_KEY"):
        return given
    if PRODUCTION:
        raise ImproperlyConfigured("SECRET_KEY is not set: production needs one of its own, of 50 characters or more")
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    path = DATA_DIR / "secret_key"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=DATA_DIR, prefix="secret_key-") as made:  # readable by us alone
            made.write(secrets.token_urlsafe(50))
            made.flush()
            with contextlib.suppress(FileExistsError):  # whole or not at all, and the first of two processes makes it
                os.link(made.name, path)
    return path.read_text(encoding="utf-8")


def _database(url: str) -> dict[str, Any]:
    """postgresql://user:password@host:port/name, or ...@/name?host=/socket/folder."""
    parts = _parts(url)
    if parts is None or parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL: expected postgresql://user:password@host:port/name")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _redis(url: str) -> str:
    """Refused without its value, as DATABASE_URL is: both may hold a password."""
    parts = _parts(url)
    if parts is None or parts.scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured("REDIS_URL: expected redis://host:port/0 or unix:///path/to/socket")
    return url


def _parts(url: str) -> SplitResult | None:
    """None for what is no URL, or has a port that is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
if PRODUCTION and (DEBUG or len(SECRET_KEY) < 50):
    raise ImproperlyConfigured("production refuses VOORWERP_DEBUG=1 and a SECRET_KEY shorter than 50 characters")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # its templates, where templates/django/forms/ has no other
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "labelling",
    "morphology",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "morphology.middleware.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "morphology.middleware.same_for_all",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "morphology.urls"
WSGI_APPLICATION = "morphology.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# PostgreSQL is the only truth. With no DATABASE_URL manage.py has started an embedded server and set it.
DATABASES = {"default": _database(env.text("DATABASE_URL", "postgresql://voorwerp@localhost/voorwerp"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis or Valkey carries, and may be lost: Celery's messages and the cache. unix:///path or redis://host:port/0.
REDIS_URL = _redis(env.text("REDIS_URL", "redis://localhost:6379/0"))
CACHES = {
    "default": {
        "BACKEND": "morphology.cache.ForgetfulCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "voorwerp",
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # acknowledged on receipt; the reconciler is the one recovery
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "voorwerp:",
    "socket_keepalive": True,
    "max_retries": 1,  # a page that enqueues does not wait for a broker that is away: the reconciler sends it later
    "interval_start": 0,
}
CELERY_TASK_DEFAULT_QUEUE = "quick"
RECONCILE_SECONDS = env.integer("RECONCILE_SECONDS", 10, least=1)
JOB_STALE_SECONDS = env.integer("JOB_STALE_SECONDS", 60, least=5)
CELERY_BEAT_SCHEDULE = {
    "reconcile": {
        "task": "morphology.reconcile",
        "schedule": RECONCILE_SECONDS,
        "options": {"expires": 2 * RECONCILE_SECONDS},  # a worker that was away need not do it for each that it missed
    },
    "look at conduct": {"task": "morphology.look_at_conduct", "schedule": 3600, "options": {"expires": 3600}},
    "clear sessions": {"task": "morphology.clear_sessions", "schedule": 3600, "options": {"expires": 3600}},
}

# Where `manage.py serve` and `demo` listen.
WEB_HOST = env.text("VOORWERP_HOST", "127.0.0.1")
WEB_PORT = env.port("VOORWERP_PORT", 8000)

# Files are content-addressed; labelling.files says how. S3: pip install voorwerp[s3] and STORAGE_BUCKET.
MEDIA_ROOT = DATA_DIR / "files"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static" if PRODUCTION else None  # else they are served from where they lie
_bucket = env.text("STORAGE_BUCKET")
STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": _bucket}}
    if _bucket
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
CACHE_DIR = env.folder("VOORWERP_CACHE", DATA_DIR / "cache")  # local copies of segments, memory-mapped

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_ADAPTER = "morphology.accounts.AccountAdapter"
ACCOUNT_FORMS = {"login": "morphology.sign_in.SignInForm"}
# A school class signs up and in at once, behind one address; an account is guarded by its own count, as allauth has it.
ACCOUNT_RATE_LIMITS = {"signup": "120/m/ip", "login": "120/m/ip", "login_failed": "40/m/ip,5/300s/key"}
SOCIALACCOUNT_ADAPTER = "morphology.accounts.SocialAccountAdapter"


def _openid(record: dict[str, str]) -> dict[str, Any]:
    """A provider as allauth wants it; over plain HTTP only when it is on this machine."""
    server = urlsplit(record["server"])
    if server.scheme != "https" and server.hostname not in ("localhost", "127.0.0.1"):
        raise ImproperlyConfigured(f"OIDC_PROVIDERS: server {record['server']!r}; expected https://")
    more = {"scope": record["scope"].split()} if "scope" in record else {}
    app = {"provider_id": record["id"], "name": record["name"], "client_id": record["client_id"]}
    return {**app, "secret": record["secret"], "settings": {"server_url": record["server"], **more}}


SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            _openid(record)
            for record in env.records("OIDC_PROVIDERS", ("id", "name", "server", "client_id", "secret"), ("scope",))
        ],
    }
}
# How often one address may try to sign in is counted by the visitor's, not by that of the proxy before us.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", int(PRODUCTION))
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "morphology.sign_in.LongEnough"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# The demo writes mails into the log of the web process. Production never does: addresses would stay there.
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.text("EMAIL_HOST") or PRODUCTION
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.port("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 10  # seconds that a page waits for it
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "voorwerp@localhost")

# No third-party request from any page: scripts, styles and images are ours.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # the load balancer and compose ask over plain HTTP
    SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 3600)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

# Science. Which galaxies are held out is fixed for ever when they are ingested.
HOLDOUT_FRACTION = env.fraction("HOLDOUT_FRACTION", 0.10)
MAX_IMAGE_PIXELS = env.integer("MAX_IMAGE_PIXELS", 50_000_000, least=1)
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_BYTES", 2_000_000_000, least=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # a vote is small; files are streamed to disk
TORCH_THREADS = env.integer("TORCH_THREADS", 0)  # 0: torch's own choice
CYCLE_SEED = env.integer("CYCLE_SEED", 0)  # with a cycle's number it gives the cycle's seed: same votes, same model

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("de", "Deutsch"), ("fr", "Français"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE, LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SECURE = "Lax", True, PRODUCTION
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", LOG_LEVELS)},
    "loggers": {"httpx": {"level": "WARNING"}},  # the rehearsal's volunteers ask thousands of pages
}
