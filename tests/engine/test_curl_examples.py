"""The three examples of the vendor's page, run with curl against us: host, key and images replaced.

What comes out is measured with ffprobe, a tool that knows nothing of this project.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.factories import image_bytes
from tests.support.programs import program
from tests.support.site import Site

# As on the page, line by line.
TEXT_TO_VIDEO = """
curl -X POST https://api.aivideoapi.ai/v1/videos/generations \\
-H "Authorization: Bearer sk-your-api-key" \\
-H "Content-Type: application/json" \\
-d '{
"model": "doubao-seedance-1.5-pro",
"callback_url": "https://your-server.com/webhook",
"input": {
"prompt": "A girl walking through a neon city at night, cinematic camera movement",
"duration": 5,
"aspect_ratio": "16:9",
"resolution": "720p",
"generate_audio": true
}
}'
"""
FIRST_FRAME = """
curl -X POST https://api.aivideoapi.ai/v1/videos/generations \\
-H "Authorization: Bearer sk-your-api-key" \\
-H "Content-Type: application/json" \\
-d '{
"model": "doubao-seedance-1.5-pro",
"input": {
"prompt": "The camera slowly pushes in. The character smiles and turns toward the light.",
"image_urls": [
"https://example.com/first-frame.jpg"
],
"duration": 8,
"aspect_ratio": "9:16",
"resolution": "720p",
"generate_audio": true
}
}'
"""
FIRST_AND_LAST_FRAME = """
curl -X POST https://api.aivideoapi.ai/v1/videos/generations \\
-H "Authorization: Bearer sk-your-api-key" \\
-H "Content-Type: application/json" \\
-d '{
"model": "doubao-seedance-1.5-pro",
"input": {
"prompt": "Animate the transition from the first frame to the final frame with a smooth cinematic move.",
"image_urls": [
{ "url": "https://example.com/first-frame.jpg" },
{ "url": "https://example.com/last-frame.jpg" }
],
"duration": 8,
"aspect_ratio": "9:16",
"resolution": "1080p",
"generate_audio": false
}
}'
"""  # noqa: E501  # verbatim
QUERY = """
curl https://api.aivideoapi.ai/v1/tasks/{taskId} \\
-H "Authorization: Bearer sk-your-api-key"
"""


def run(site: Site, example: str) -> Any:
    """Run an example in a shell, as a reader would, and return the JSON it prints."""
    command = example.strip()
    for old, new in {
        "https://api.aivideoapi.ai": site.url,
        "sk-your-api-key": site.demo["api_key"],
    }.items():
        assert old in command
        command = command.replace(old, new)
    images = sorted(set(re.findall(r"https://example\.com/[a-z-]+\.jpg", command)))
    for number, image in enumerate(images):
        command = command.replace(image, upload(site, number))
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("curl", f"{program('curl')} --silent --show-error", 1)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def upload(site: Site, number: int) -> str:
    image = image_bytes(size=(720 + number, 1280))
    reply = site.http.post("/v1/uploads", files={"file": ("frame.jpg", image, "image/jpeg")})
    assert reply.status_code == 200, reply.text
    url: str = reply.json()["data"]["url"]
    return url


def probed(path: Path) -> dict[str, dict[str, Any]]:
    """Return what ffprobe says of the video and the audio stream, every frame counted."""
    options = ["-v", "error", "-count_frames", "-show_streams", "-of", "json"]
    command = [program("ffprobe"), *options, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}


@pytest.mark.parametrize(
    ("example", "size", "frames", "audio", "credits"),
    [
        (TEXT_TO_VIDEO, (1280, 720), 120, True, 70),
        (FIRST_FRAME, (720, 1280), 192, True, 112),
        (FIRST_AND_LAST_FRAME, (1080, 1920), 192, False, 120),
    ],
    ids=["text", "first-frame", "first-and-last-frame"],
)
def test_an_example_of_the_vendors_page_ends_in_the_film_it_asks_for(
    site: Site,
    tmp_path: Path,
    example: str,
    size: tuple[int, int],
    frames: int,
    audio: bool,
    credits: int,
) -> None:
    accepted = run(site, example)
    assert accepted == {"code": 200, "msg": "success", "data": accepted["data"]}
    task_id = accepted["data"]["taskId"]
    site.ended(task_id, seconds=120)

    task = run(site, QUERY.replace("{taskId}", task_id))
    assert list(task) == ["id", "status", "model", "created_at", "completed_at", "output"]
    assert (task["id"], task["status"]) == (task_id, "completed")
    order = json.loads(example[example.index("-d '") + 4 : example.rindex("'")])["input"]
    metadata = task["output"]["metadata"]
    assert {name: metadata[name] for name in ("duration", "resolution", "generate_audio")} == {
        name: order[name] for name in ("duration", "resolution", "generate_audio")
    }
    assert (metadata["ratio"], metadata["framespersecond"]) == (order["aspect_ratio"], 24)
    assert site.row(task_id)["credits"] == credits

    [url] = task["output"]["urls"]
    film = tmp_path / "film.mp4"
    film.write_bytes(httpx.get(url, timeout=30).content)
    streams = probed(film)
    video = streams["video"]
    assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
    assert (video["width"], video["height"]) == size
    assert (int(video["nb_read_frames"]), video["r_frame_rate"]) == (frames, "24/1")
    assert float(video["duration"]) == order["duration"]
    assert set(streams) == ({"video", "audio"} if audio else {"video"})
    if audio:
        assert (streams["audio"]["codec_name"], streams["audio"]["channels"]) == ("aac", 1)
    kept = site.row(task_id, "generations_film")
    assert (kept["differs"], kept["size"]) == ("", film.stat().st_size)
