"""The environment that the tests' settings are read from.

Loaded by `-p tests.environment` (pyproject.toml): conftest files come too late, because
pytest-django reads the settings first. Every process of a parallel run gets a folder of its own.
`DATABASE_URL` is left alone: `tests.support.postgres` sets it.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# What a developer's own environment or `.env` says must not change what is tested. Conftest takes
# these away again once the settings are read: a process that a test starts is told its own.
FIXED = {
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "DEBUG": "false",
    "EMAIL_URL": "memory:",
    "OUTBOUND_ALLOW": "",
    "PORT": "8000",
    "PROVIDER_URL": "https://api.aivideoapi.ai",
    "PUBLIC_URL": "http://dailies.test",
    "REDIS_URL": "",
    "S3_ACCESS_KEY_ID": "",
    "S3_ADDRESSING": "",
    "S3_BUCKET": "",
    "S3_ENDPOINT_URL": "",
    "S3_PREFIX": "",
    "S3_REGION": "",
    "S3_SECRET_ACCESS_KEY": "",
    "SANDBOX_URL": "http://127.0.0.1:9",
    "TIME_ZONE": "UTC",
    "TRUSTED_PROXIES": "",
}
ROOT_VARIABLE = "DAILIES_TEST_ROOT"


def _prepare() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        root = Path(tempfile.mkdtemp(prefix="dailies-tests-"))
        os.environ[ROOT_VARIABLE] = str(root)
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    else:
        root = Path(os.environ[ROOT_VARIABLE])
    folder = root / (worker or "main")
    (folder / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise misses it aloud
    os.environ.update(FIXED, DATA_DIR=str(folder))
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'dailies.sqlite3'}"


_prepare()
