"""The films themselves, decoded again and measured."""

from itertools import pairwise, product
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sandbox.film.brief import Brief
from sandbox.film.pictures import PictureError, open_picture
from sandbox.film.render import render
from sandbox.film.sizes import RATIOS, RESOLUTIONS, size_of
from sandbox.film.sound import SAMPLE_RATE
from sandbox.film.story import story_of
from sandbox.film.type import drawable, width_of, wrapped

# Written out again from the model maker's table.
SIZES = {
    "480p": "864x496 752x560 640x640 560x752 496x864 992x432",
    "720p": "1280x720 1112x834 960x960 834x1112 720x1280 1470x630",
    "1080p": "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946",
}
Frame = NDArray[np.uint8]


def brief(**fields: object) -> Brief:
    wanted: dict[str, object] = {
        "prompt": "a quiet lake at dawn",
        "ratio": "16:9",
        "resolution": "480p",
        "duration": 4,
        "audio": False,
        "watermark": False,
        "camera_fixed": False,
        "seed": 7,
        **fields,
    }
    return Brief(**wanted)  # type: ignore[arg-type]


def frames_of(path: Path) -> list[Frame]:
    with av.open(str(path)) as film:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in film.decode(video=0)
        ]


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def save_picture(path: Path, colour: str, size: tuple[int, int] = (900, 700)) -> Path:
    image = Image.new("RGB", size, colour)
    pen = ImageDraw.Draw(image)
    for step in range(8):
        inset = 40 + step * 30
        box = (inset, inset, size[0] - inset, size[1] - inset)
        pen.ellipse(box, fill=(20 + step * 28, 220 - step * 24, 60 + step * 20))
    image.save(path)
    return path


@pytest.mark.parametrize(("resolution", "ratio"), list(product(RESOLUTIONS, RATIOS)))
def test_the_size_is_the_makers(resolution: str, ratio: str) -> None:
    width, height = SIZES[resolution].split()[RATIOS.index(ratio)].split("x")
    assert size_of(resolution, ratio) == (int(width), int(height))


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_renders_every_frame_at_the_exact_size(tmp_path: Path, ratio: str) -> None:
    target = tmp_path / "film.mp4"
    render(brief(ratio=ratio, prompt="[" + ratio), target)
    with av.open(str(target)) as film:
        (stream,) = film.streams
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == size_of("480p", ratio)
        assert stream.average_rate == 24
        assert context.color_range == 1
        assert context.colorspace == context.color_primaries == context.color_trc == 1
        frames = list(film.decode(video=0))
    assert len(frames) == 96
    times = [round((frame.time or 0) * 24, 6) for frame in frames]
    assert times == list(range(96))


@pytest.mark.parametrize("resolution", ["720p", "1080p"])
def test_larger_films_are_exact_too(tmp_path: Path, resolution: str) -> None:
    target = tmp_path / "film.mp4"
    render(brief(resolution=resolution, ratio="21:9", prompt="dunes in the desert"), target)
    with av.open(str(target)) as film:
        frame_count = 0
        for frame in film.decode(video=0):
            assert (frame.width, frame.height) == size_of(resolution, "21:9")
            frame_count += 1
    assert frame_count == 96


def test_the_index_comes_before_the_pictures(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    render(brief(audio=True), target)
    content = target.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_sound_is_mono_aac_as_long_as_the_film(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    render(brief(audio=True), target)
    with av.open(str(target)) as film:
        (stream,) = film.streams.audio
        assert stream.codec_context.name == "aac"
        assert stream.codec_context.layout.name == "mono"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
    assert abs(len(samples) / SAMPLE_RATE - 4) < 0.05
    assert 0.1 < float(np.max(np.abs(samples))) <= 0.6


def test_no_sound_no_stream(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    render(brief(audio=False), target)
    with av.open(str(target)) as film:
        assert len(film.streams.audio) == 0
        assert film.duration == 4_000_000


def test_the_same_brief_makes_the_same_bytes_and_another_seed_another_film(
    tmp_path: Path,
) -> None:
    films = []
    for number, seed in enumerate((7, 7, 8)):
        target = tmp_path / f"{number}.mp4"
        render(brief(seed=seed, audio=True, prompt="rain on a neon city"), target)
        films.append(target.read_bytes())
    assert films[0] == films[1]
    assert films[0] != films[2]


def test_one_image_is_the_first_frame(tmp_path: Path) -> None:
    source = save_picture(tmp_path / "a.png", "#204060")
    target = tmp_path / "film.mp4"
    render(brief(images=(source,)), target)
    frames = frames_of(target)
    wanted = np.asarray(open_picture(source, (864, 496)))
    assert len(frames) == 96
    assert psnr(frames[0], wanted) > 34
    assert psnr(frames[-1], wanted) < 28


def test_two_images_are_the_first_and_the_last_frame(tmp_path: Path) -> None:
    first = save_picture(tmp_path / "a.png", "#204060")
    last = save_picture(tmp_path / "b.png", "#c08040", size=(600, 900))
    target = tmp_path / "film.mp4"
    render(brief(images=(first, last), ratio="9:16"), target)
    frames = frames_of(target)
    assert psnr(frames[0], np.asarray(open_picture(first, (496, 864)))) > 34
    assert psnr(frames[-1], np.asarray(open_picture(last, (496, 864)))) > 34
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert max(steps) < 12, "the change is a turn, not a cut"


def test_an_image_is_cropped_around_its_middle(tmp_path: Path) -> None:
    tall = Image.new("RGB", (400, 900), "red")
    tall.paste("green", (0, 300, 400, 600))
    tall.save(tmp_path / "tall.png")
    seen = open_picture(tmp_path / "tall.png", (864, 496))
    assert seen.size == (864, 496)
    assert seen.getpixel((432, 248)) == (0, 128, 0)


def test_an_image_turned_by_its_camera_is_set_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 600), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert open_picture(tmp_path / "turned.jpg", (640, 640)).size == (640, 640)


def test_a_broken_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(PictureError):
        open_picture(tmp_path / "x.png", (640, 640))


def test_the_camera_moves_unless_it_is_fixed(tmp_path: Path) -> None:
    change = {}
    for fixed in (False, True):
        target = tmp_path / f"{fixed}.mp4"
        render(brief(camera_fixed=fixed, prompt="mountain at night", seed=3), target)
        frames = frames_of(target)
        # The middle of the frame: no title there, only the place.
        first, last = (frame[200:330].astype(int) for frame in (frames[0], frames[-1]))
        change[fixed] = float(np.abs(first - last).mean())
    assert change[False] > 8
    assert change[True] < 2.5


def test_the_title_is_gone_from_the_first_and_the_last_frame(tmp_path: Path) -> None:
    films = []
    for number, prompt in enumerate(("a city at night", "a city at night" + " skyline" * 20)):
        films.append(tmp_path / f"{number}.mp4")
        render(brief(prompt=prompt, camera_fixed=True), films[-1])
    short, long = (frames_of(film) for film in films)
    assert psnr(short[0], long[0]) > 38
    assert psnr(short[-1], long[-1]) > 36
    assert psnr(short[48], long[48]) < 30


def test_the_camera_moves_over_an_image_unless_it_is_fixed(tmp_path: Path) -> None:
    source = save_picture(tmp_path / "a.png", "#204060")
    change = {}
    for fixed in (False, True):
        target = tmp_path / f"{fixed}.mp4"
        render(brief(camera_fixed=fixed, images=(source,)), target)
        frames = frames_of(target)
        change[fixed] = float(np.abs(frames[0][:300].astype(int) - frames[-1][:300]).mean())
    assert change[False] > 3 * change[True]


def test_the_watermark_is_at_the_lower_right_of_every_frame(tmp_path: Path) -> None:
    marked, plain = tmp_path / "marked.mp4", tmp_path / "plain.mp4"
    source = save_picture(tmp_path / "a.png", "#102030")
    render(brief(watermark=True, images=(source,)), marked)
    render(brief(watermark=False, images=(source,)), plain)
    for with_mark, without in zip(frames_of(marked)[::24], frames_of(plain)[::24], strict=True):
        difference = np.abs(with_mark.astype(int) - without).max(axis=2)
        corner = difference[-60:, -180:]
        assert corner.max() > 80
        assert (difference[:300] > 40).sum() == 0


@pytest.mark.parametrize(
    "prompt",
    [
        "x" * 5000,
        "word " * 2000,
        "海边的日落" * 200,
        "🚤🌅👩‍👩‍👧 👍🏽 only emoji 🏳️‍🌈",
        "שלום مرحبا नमस्ते",
        "new\nlines\tand\x00controls\u202e",
        "",
    ],
    ids=["one-word", "long", "chinese", "emoji", "scripts", "controls", "empty"],
)
@pytest.mark.parametrize("ratio", ["21:9", "9:16"])
def test_any_prompt_fits_the_frame(prompt: str, ratio: str) -> None:
    size = 24
    width = size_of("480p", ratio)[0] * 0.85
    lines = wrapped(drawable(prompt), size, width, 3)
    assert len(lines) <= 3
    assert all(width_of(line, size) <= width for line in lines)


def test_what_no_font_has_is_left_out() -> None:
    assert drawable("a \U0001fae8 b\ue000 c\U0010fffe d").replace("\U0001fae8", "").split() == [
        "a",
        "b",
        "c",
        "d",
    ]


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("A girl walking through a neon city at night", "city"),
        ("waves on the ocean", "sea"),
        ("a fox in the forest", "forest"),
        ("an astronaut near a planet", "space"),
        ("camels crossing dunes", "desert"),
        ("snowy mountain peaks", "mountains"),
        ("海边的船", "sea"),
    ],
)
def test_the_place_follows_the_prompt(prompt: str, place: str) -> None:
    assert story_of(brief(prompt=prompt)).place == place
