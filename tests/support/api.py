"""Our API as a client calls it, through Django's test client."""

from typing import Any

from django.test import Client

MODEL = "doubao-seedance-1.5-pro"
GENERATIONS = "/v1/videos/generations"


class Api:
    """A caller with one key. Replies are Django's responses: `.status_code`, `.json()`."""

    def __init__(self, key: str | None, *, address: str = "127.0.0.1") -> None:
        """Call with `key` (None: without any) from the IP `address`."""
        self.key = key
        self.http = Client(REMOTE_ADDR=address)

    def get(self, path: str, **headers: str) -> Any:
        """GET with the key."""
        return self.http.get(path, headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST `body` as JSON, or as it is when it is bytes."""
        return self.http.post(
            path, body, content_type="application/json", headers=self._headers(headers)
        )

    def upload(self, file: Any, **headers: str) -> Any:
        """POST an open file to `/v1/uploads`."""
        return self.http.post("/v1/uploads", {"file": file}, headers=self._headers(headers))

    def generate(
        self, prompt: Any = "A quiet lake", *, headers: dict[str, str] | None = None, **inputs: Any
    ) -> Any:
        """Submit a generation; `callback_url` and `model` go to the top of the body."""
        return self.post(GENERATIONS, generation_body(prompt, **inputs), **(headers or {}))

    def task(self, task_id: object) -> Any:
        """GET a task."""
        return self.get(f"/v1/tasks/{task_id}")

    def accepted(self, prompt: Any = "A quiet lake", **inputs: Any) -> str:
        """Submit a generation that must be accepted; return its task id."""
        reply = self.generate(prompt, **inputs)
        assert reply.status_code == 200, reply.content
        task_id: str = reply.json()["data"]["taskId"]
        return task_id

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        bearer = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        return {**bearer, **named}


def generation_body(prompt: Any = "A quiet lake", **inputs: Any) -> dict[str, Any]:
    """Return a body for `POST /v1/videos/generations`."""
    top: dict[str, Any] = {
        name: inputs.pop(name) for name in ("model", "callback_url") if name in inputs
    }
    return {"model": MODEL, "input": {"prompt": prompt, **inputs}, **top}
