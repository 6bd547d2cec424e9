"""Frames that people upload, and the links by which the vendor fetches them."""

from generations.uploads.links import UPLOAD_PATH, upload_url, uploaded_token
from generations.uploads.quota import require_upload_room
from generations.uploads.service import (
    delete_expired_uploads,
    keep_uploads_alive,
    refuse_long_body,
    renew_uploads,
    store_upload,
    upload_storage,
)

__all__ = [
    "UPLOAD_PATH",
    "delete_expired_uploads",
    "keep_uploads_alive",
    "refuse_long_body",
    "renew_uploads",
    "require_upload_room",
    "store_upload",
    "upload_storage",
    "upload_url",
    "uploaded_token",
]
