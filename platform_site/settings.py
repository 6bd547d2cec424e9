"""Django's settings. Values come from the environment only; `checks.py` judges them."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_email_url
import structlog
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from platform_site.clusters.queues import FILM_QUEUE, MAIN_QUEUE
from platform_site.environment import (
    BASE_DIR,
    data_dir,
    read_environment,
    url_of,
    value_of,
    zone_of,
)
from platform_site.logs import logging_config, structlog_processors
from platform_site.stores.settings import read_s3, stored_in
from platform_site.web.long_bodies import LongBody

env = read_environment()

# The installation
DATA_DIR = data_dir()
SECRET_KEY = env.str("SECRET_KEY")
VAULT_KEYS = env.str("VAULT_KEYS")
DEBUG = value_of(env.bool, "DEBUG", False)
PORT = value_of(env.int, "PORT", 8000)
SANDBOX_PORT = value_of(env.int, "SANDBOX_PORT", 8801)
PUBLIC_URL = url_of("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
PROVIDER_URL = url_of("PROVIDER_URL", "")  # empty: the vendor's own
SANDBOX_URL = url_of("SANDBOX_URL", f"http://127.0.0.1:{SANDBOX_PORT}")
# Hosts that may serve the vendor's films; a leading dot stands for every subdomain. Empty: its own.
RESULT_HOSTS: list[str] = value_of(env.list, "RESULT_HOSTS", [])
OUTBOUND_ALLOW: list[str] = value_of(env.list, "OUTBOUND_ALLOW", [])
TRUSTED_PROXIES: list[str] = value_of(env.list, "TRUSTED_PROXIES", [])

_public = urlsplit(PUBLIC_URL)
_is_https = _public.scheme == "https"
_is_loopback = _public.hostname in {"127.0.0.1", "localhost", "::1"}
_own_hosts = ["127.0.0.1", "localhost", "[::1]"] if _is_loopback else [_public.hostname or ""]
ALLOWED_HOSTS: list[str] = value_of(env.list, "ALLOWED_HOSTS", _own_hosts)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _is_https else []

# The site
ROOT_URLCONF = "platform_site.urls"
WSGI_APPLICATION = "platform_site.wsgi.application"
SITE_NAME = "Dailies"

INSTALLED_APPS = [
    "platform_site",
    "accounts",
    "billing",
    "generations",
    "sandbox",
    "unfold",
    # Its pages are loaded by urls.py: only the web server needs them in memory.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_q",
    "rest_framework",
    "allauth",
    "allauth.account",
    "csp",
    "django_structlog",
]

MIDDLEWARE = [
    "platform_site.web.short_way.ShortWayMiddleware",
    "platform_site.web.headers.TrustedProxyMiddleware",
    "platform_site.web.headers.UsualHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "platform_site.web.compression.CompressPagesMiddleware",
    "platform_site.web.middleware.RequestIdMiddleware",
    "platform_site.web.middleware.RequestLogMiddleware",
    "platform_site.web.middleware.CleanQueryMiddleware",
    "csp.middleware.CSPMiddleware",
    "platform_site.web.admin_policy.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "generations.api.addresses.ApiAddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

# What requests of the API pass instead.
PROGRAM_MIDDLEWARE = [
    "platform_site.web.headers.TrustedProxyMiddleware",
    "platform_site.web.headers.ProgramHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "platform_site.web.middleware.RequestIdMiddleware",
    "platform_site.web.middleware.ProgramLogMiddleware",
    "platform_site.web.middleware.CleanQueryMiddleware",
    "django.middleware.common.CommonMiddleware",
    "generations.api.addresses.ApiAddressMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

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
                "csp.context_processors.nonce",
                "generations.portal.context.desk",
            ],
        },
    }
]

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.sign_in.backend.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "accounts.sign_in.adapter.ClosedAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_FORMS = {
    "login": "accounts.sign_in.forms.SignInForm",
    "reauthenticate": "accounts.sign_in.forms.ConfirmForm",
    "change_password": "accounts.sign_in.forms.NewPasswordForm",
    "reset_password": "accounts.sign_in.forms.SendLinkForm",
    "reset_password_from_key": "accounts.sign_in.forms.FirstPasswordForm",
}
# Attempts at one account by all clients together; those of one client are the library's to limit.
ACCOUNT_RATE_LIMITS = {"login_account": "50/300s/key"}
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

# Data
DATABASES: dict[str, Any] = {
    "default": value_of(
        env.dj_db_url,
        "DATABASE_URL",
        {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "dailies.sqlite3"),
        },
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = 600
_engine = DATABASES["default"]["ENGINE"]
if _engine.endswith("sqlite3"):
    # IMMEDIATE takes the write lock at BEGIN: a transaction never loses it halfway.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what was committed is on the disk. WAL with NORMAL may lose its last commits at a
        # power cut, and a generation that was claimed before its POST would be sent again (P21).
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    _given = DATABASES["default"].get("OPTIONS", {})
    DATABASES["default"]["OPTIONS"] = {
        "server_side_binding": True,
        # What is asked often is planned once a connection.
        "prepare_threshold": 3,
        # A network that swallows everything is noticed in seconds, not after hours.
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **_given,
        # The last of two counts. A process that freezes in a transaction would keep its locks until
        # it is replaced; and whatever server, role or URL say, a commit is on the disk (P21).
        "options": " ".join(
            (
                "-c idle_in_transaction_session_timeout=20s",
                _given.get("options", ""),
                "-c synchronous_commit=on",
            )
        ),
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["ENGINE"] = "platform_site.db.postgresql"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = value_of(env.str, "REDIS_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {
        "BACKEND": "platform_site.web.cache.HonestDatabaseCache",
        "LOCATION": "cache",
    },
    "nowhere": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

FILMS_DIR = DATA_DIR / "films"
UPLOADS_DIR = DATA_DIR / "uploads"
# What a download has brought so far; of use to the workers of one machine only.
PARTIAL_DIR = DATA_DIR / "partial"
# What every host must be able to read goes into a bucket when there are several.
S3 = read_s3(env)
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "media")},
    },
    "films": stored_in("films", folder=FILMS_DIR, s3=S3),
    "uploads": stored_in("uploads", folder=UPLOADS_DIR, s3=S3),
    "staticfiles": {"BACKEND": "platform_site.web.static_files.StaticFilesStorage"},
}

# Background work. Numbers follow django-q2's rule: a copy of a task may start `retry` seconds
# after it left the queue, waiting included, so
# retry > timeout × ceil((queue_limit + workers + bulk) / workers) + 3.
Q_CLUSTER = {
    "name": MAIN_QUEUE,
    "orm": "default",
    "broker_class": "platform_site.clusters.broker.HeartbeatBroker",
    # Its own status says idle of a frozen cluster too: nobody reads it, nothing stores it.
    "cache": "nowhere",
    "workers": value_of(env.int, "WORKERS", 4),
    "queue_limit": 4,
    "bulk": 1,
    "timeout": 120,
    "retry": 900,
    "max_attempts": 3,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    # Between two looks at the cluster's processes, in seconds; one that died is replaced then.
    "guard_cycle": 2,
    "recycle": 500,
    "label": "Background jobs",
    "ALT_CLUSTERS": {
        # A cluster that is busy with films leaves the next one to another.
        FILM_QUEUE: {
            "workers": value_of(env.int, "FILM_WORKERS", 2),
            "queue_limit": 1,
            "timeout": 300,
            "retry": 1800,
            "recycle": 100,
        },
    },
}

# Pages
STATIC_URL = "/static/"
STATIC_ROOT = Path(value_of(env.str, "STATIC_ROOT", str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
# Collected files come with hashed names and compressed copies; `manage.py up` sees to it.
WHITENOISE_USE_FINDERS = DEBUG or not (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_MANIFEST_STRICT = False
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = zone_of("TIME_ZONE", "UTC")

# Requests. A JSON body of the vendor's API is small; films' frames come by /v1/uploads.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# What the web server reads of a body before a view is asked; of a longer one it reads nothing, and
# the view refuses it. Everywhere else a form's own text has 64 kB.
LONG_BODIES = [
    LongBody(r"/v1/uploads", (30 * 1024 + 64) * 1024, "generations.api.admission.may_upload"),
    # People are told in the form itself that their picture is too large.
    LongBody(
        r"/studio/frames/[^/]+/",
        64 * 1024 * 1024,
        "generations.portal.studio.admission.may_hand_in",
    ),
]
LONGEST_BODY = DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * 1024
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["generations.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "platform_site.web.envelope.exception_handler",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": True,
}

# Mail
FOLDER_MAIL = "platform_site.mail_folder.FolderMail"
_folder_mail = dj_email_url.parse("console:") | {"EMAIL_BACKEND": FOLDER_MAIL}
_email = value_of(env.dj_email_url, "EMAIL_URL", _folder_mail)
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email["EMAIL_HOST"]
EMAIL_PORT = _email["EMAIL_PORT"]
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _email["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _email["EMAIL_USE_SSL"]
DEFAULT_FROM_EMAIL = value_of(env.str, "DEFAULT_FROM_EMAIL", f"dailies@{_public.hostname}")

# Headers
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
SECURE_REFERRER_POLICY = "same-origin"
# Of a trusted proxy alone: `TrustedProxyMiddleware` takes it from everybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS: list[str] = [
    # TLS ends at the proxy, which redirects; a plain health check must not be sent away.
    "security.W008",
    # HSTS is for this host: what runs beside it under the domain is not ours to decide about.
    "security.W005",
    "security.W021",
]
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
    },
}
# The admin's theme evaluates Alpine expressions and sets styles inline; see docs/decisions.
ADMIN_CONTENT_SECURITY_POLICY = {
    "default-src": [SELF],
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:"],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
    "object-src": [NONE],
}

UNFOLD = {
    "SITE_TITLE": "Dailies",
    "SITE_HEADER": "Dailies",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_SYMBOL": "movie",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": "platform_site.admin.navigation.favicon",
        }
    ],
    "STYLES": ["platform_site.admin.navigation.style"],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "generations.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "navigation": "platform_site.admin.navigation.navigation",
    },
    # Amber, the light of a cutting room, on neutral greys.
    "COLORS": {
        "base": {
            "50": "oklch(98.5% 0.002 80)",
            "100": "oklch(96.8% 0.003 80)",
            "200": "oklch(92.4% 0.004 80)",
            "300": "oklch(87% 0.005 80)",
            "400": "oklch(70.9% 0.008 80)",
            "500": "oklch(55.3% 0.01 80)",
            "600": "oklch(44.4% 0.01 80)",
            "700": "oklch(37% 0.01 80)",
            "800": "oklch(26.8% 0.007 80)",
            "900": "oklch(21% 0.006 80)",
            "950": "oklch(14.7% 0.004 80)",
        },
        "primary": {
            "50": "oklch(98.2% 0.018 75)",
            "100": "oklch(95.4% 0.045 75)",
            "200": "oklch(90.6% 0.09 72)",
            "300": "oklch(84.5% 0.13 70)",
            "400": "oklch(77.5% 0.155 66)",
            "500": "oklch(68.5% 0.155 60)",
            "600": "oklch(55% 0.135 52)",
            "700": "oklch(48.5% 0.12 50)",
            "800": "oklch(41.5% 0.1 48)",
            "900": "oklch(36% 0.085 46)",
            "950": "oklch(25% 0.06 44)",
        },
    },
}

# Logs: one structured line an event on stderr.
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(debug=DEBUG, readable=DEBUG or sys.stderr.isatty())
structlog.configure(
    processors=structlog_processors(),
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
DJANGO_STRUCTLOG_COMMAND_LOGGING_ENABLED = False
# It comes from our own middleware, which has judged it (P35).
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
