"""What every test may ask for: people, a funded team, keys, a client and a stand-in vendor."""

import os
from collections.abc import Iterator
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings as site_settings
from pytest_django import Settings

from accounts.models import Membership, Team
from accounts.roles import Role
from billing.models import Rate
from generations.models import ProviderKey, VideoModel
from platform_site.rates import forget_rates
from tests.environment import FIXED
from tests.factories import fund, make_api_key, make_member, make_provider_key, make_team
from tests.support.api import Api
from tests.support.figures import pytest_terminal_summary  # noqa: F401  # a hook
from tests.support.scheduling import pytest_xdist_make_scheduler  # noqa: F401  # a hook
from tests.support.vendor import Vendor, running_vendor
from tests.support.web import WebServer, running_web_server


def pytest_configure() -> None:
    """Hash passwords quickly, and find static files without `collectstatic`."""
    assert site_settings.DATA_DIR  # the settings are read
    for name in FIXED:
        os.environ.pop(name, None)
    site_settings.PASSWORD_HASHERS = ["tests.support.hashers.QuickHasher"]
    site_settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only PostgreSQL has where the tests run on SQLite."""
    if site_settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return
    left_out = [item for item in items if item.get_closest_marker("postgresql")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Use a file as SQLite's test database: in memory, threads would share one connection."""
    database = site_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(site_settings.DATA_DIR / "test.sqlite3")


@pytest.fixture
def deaf_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a watch find nothing by looking, so that what it notices was known or heard."""
    monkeypatch.setattr("platform_site.clusters.watch.LOOK_SECONDS", 600.0)


@pytest.fixture(autouse=True)
def catalogue(request: pytest.FixtureRequest) -> None:
    """Put the vendor's model and rates back: the flush after a transactional test takes them."""
    if _uses_database(request):
        request.getfixturevalue("_django_db_helper")
        if not VideoModel.objects.exists():
            import_module("generations.migrations.0002_seedance_1_5_pro").add_model(apps, None)
        if not Rate.objects.exists():
            import_module("billing.migrations.0002_seedance_1_5_pro_rates").add_rates(apps, None)


def _uses_database(request: pytest.FixtureRequest) -> bool:
    wanted = {"db", "transactional_db", "live_server"} & set(request.fixturenames)
    return bool(wanted) or request.node.get_closest_marker("django_db") is not None


@pytest.fixture
def team(db: None) -> Team:
    """A team with 1,000 credits and nobody in it yet."""
    team = make_team("Studio")
    fund(team, 1000)
    return team


@pytest.fixture(autouse=True)
def fresh_minutes() -> None:
    """Count nobody's requests beyond a test: another one's person may have the same id."""
    forget_rates()


@pytest.fixture
def alice(team: Team) -> Membership:
    """The team's owner."""
    return make_member(team, Role.OWNER, email="alice@studio.example")


@pytest.fixture
def bob(team: Team) -> Membership:
    """A member of Alice's team."""
    return make_member(team, Role.MEMBER, email="bob@studio.example")


@pytest.fixture
def charlie(db: None) -> Membership:
    """A stranger: the owner of another team, which has credits and a key of its own."""
    team = make_team("Elsewhere")
    fund(team, 1000)
    make_provider_key(team)
    return make_member(team, Role.OWNER, email="charlie@elsewhere.example")


@pytest.fixture
def provider_key(team: Team, vendor: Vendor) -> ProviderKey:
    """The team's shared key at the stand-in vendor."""
    return make_provider_key(team)


@pytest.fixture
def api(alice: Membership, provider_key: ProviderKey) -> Api:
    """The API as Alice calls it: her team is funded and can send."""
    return Api(make_api_key(alice).text)


@pytest.fixture
def stranger_api(charlie: Membership) -> Api:
    """The API as Charlie calls it."""
    return Api(make_api_key(charlie).text)


@pytest.fixture
def vendor(settings: Settings) -> Iterator[Vendor]:
    """A vendor at a real local address, to which `sk-sandbox-…` keys are pinned in this test."""
    with running_vendor() as vendor:
        settings.SANDBOX_URL = vendor.url
        settings.RESULT_HOSTS = ["127.0.0.1"]
        yield vendor


@pytest.fixture(scope="session")
def web(
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WebServer]:
    """The real web server on the tests' database; its tests must be transactional."""
    with running_web_server(tmp_path_factory.mktemp("web")) as web:
        yield web
