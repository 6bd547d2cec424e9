"""Read the `S3_*` variables, and say what Django's STORAGES become of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environs import Env

from platform_site.environment import value_of


@dataclass(frozen=True, slots=True)
class S3:
    """How to reach a bucket; without a bucket's name, files go into folders."""

    bucket: str = ""
    endpoint_url: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    prefix: str = ""
    addressing: str = ""

    def __repr__(self) -> str:
        """Name the bucket; the secret is on no error page."""
        return f"S3({self.bucket!r})"


# What each variable is good for, by field; `.env.example` and the checks name them.
VARIABLES = {
    "bucket": "S3_BUCKET",
    "endpoint_url": "S3_ENDPOINT_URL",
    "region": "S3_REGION",
    "access_key_id": "S3_ACCESS_KEY_ID",
    "secret_access_key": "S3_SECRET_ACCESS_KEY",
    "prefix": "S3_PREFIX",
    "addressing": "S3_ADDRESSING",
}
ADDRESSINGS = ("auto", "path", "virtual")


def read_s3(env: Env) -> S3:
    """Return what the environment says about S3."""
    found = {field: value_of(env.str, name, "").strip() for field, name in VARIABLES.items()}
    found["prefix"] = found["prefix"].strip("/")
    return S3(**found)


def stored_in(name: str, *, folder: Path, s3: S3) -> dict[str, Any]:
    """Return the entry of STORAGES for files of this name: in the bucket if there is one."""
    if not s3.bucket:
        return {
            "BACKEND": "platform_site.stores.folder.FolderStore",
            "OPTIONS": {
                "location": str(folder),
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    return {
        "BACKEND": "platform_site.stores.bucket.BucketStore",
        "OPTIONS": {
            "bucket_name": s3.bucket,
            "location": f"{s3.prefix}/{name}" if s3.prefix else name,
            "endpoint_url": s3.endpoint_url or None,
            "region_name": s3.region or None,
            # None: the library looks for a role or a profile of the machine.
            "access_key": s3.access_key_id or None,
            "secret_key": s3.secret_access_key or None,
            # A store of one's own rarely has a name for each bucket.
            "addressing_style": s3.addressing or ("path" if s3.endpoint_url else "auto"),
        },
    }
