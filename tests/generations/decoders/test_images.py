"""What the decoder of images keeps of each kind of file, and what it says of the rest (F5)."""

import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generations.decoders import run_decoder
from generations.decoders.formats import format_of, other_format
from generations.decoders.images import prepare
from generations.vendors import vendor_named
from tests.factories import image_bytes
from tests.support.pictures import (
    BLUE,
    GREEN,
    RED,
    marked,
    png_of,
    saved,
    srgb_profile,
    swapped_profile,
    with_chunk,
)

HERE = Path(__file__).parent
LIMITS: dict[str, Any] = {
    "kinds": ["JPEG", "PNG", "WEBP", "BMP", "GIF"],
    "side": [300, 6000],
    "aspect": [0.4, 2.5],
    "max_bytes": vendor_named("aivideoapi").frames.max_bytes,
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path


def keep(work: Path, content: bytes, **limits: Any) -> dict[str, Any]:
    (work / "source").write_bytes(content)
    return prepare(work / "source", work / "target", LIMITS | limits)


def kept_image(work: Path) -> Image.Image:
    image = Image.open(work / "target")
    image.load()
    return image


def colour_at(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel(at)
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def near(colour: tuple[int, ...], wanted: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))


def assert_shown_by_browsers(work: Path, said: dict[str, Any]) -> Image.Image:
    """Whatever is kept: eight bits, one frame, upright, in sRGB, of a kind that browsers show."""
    image = kept_image(work)
    assert image.format == said["kind"] in {"JPEG", "PNG", "WEBP"}
    assert (image.width, image.height) == (said["width"], said["height"])
    assert image.mode in {"L", "RGB", "RGBA", "P"}
    assert getattr(image, "n_frames", 1) == 1
    assert image.getexif().get(0x0112, 1) == 1
    assert "icc_profile" not in image.info
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_f05_a_plain_image_keeps_its_bytes(work: Path, kind: str) -> None:
    content = image_bytes(kind, (640, 360))
    assert keep(work, content) == {"kind": kind, "width": 640, "height": 360}
    assert (work / "target").read_bytes() == content


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_f05_a_profile_of_srgb_changes_nothing(work: Path, kind: str) -> None:
    content = saved(marked(), kind, icc_profile=srgb_profile())
    assert keep(work, content)["kind"] == kind
    assert (work / "target").read_bytes() == content


@pytest.mark.parametrize("size", [1_600_000, 5_000_000])
@pytest.mark.parametrize("profile", [srgb_profile, swapped_profile])
def test_f05_a_png_with_a_huge_profile_is_taken(work: Path, size: int, profile: Any) -> None:
    said = keep(work, saved(marked(), "PNG", icc_profile=profile(size)))
    image = assert_shown_by_browsers(work, said)
    assert near(colour_at(image, (399, 319)), RED if profile is srgb_profile else GREEN)


def test_f05_a_profile_beyond_all_measure_is_left_out(work: Path) -> None:
    packed = b"x\0\0" + zlib.compress(bytes(200_000_000), 9)
    said = keep(work, with_chunk(saved(marked(), "PNG"), b"iCCP", packed))
    assert near(colour_at(assert_shown_by_browsers(work, said), (399, 319)), RED)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"tEXt", b"Comment\0" + b"x" * 3_000_000),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 3_000_000)),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 300_000_000)),
        (b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x/>" * 800_000),
        (b"tEXt", b"\0" * 2000),
        (b"zTXt", b"Comment\0\0" + b"no zlib" * 300),
    ],
    ids=["long", "packed", "bomb", "international", "xmp", "nul", "broken"],
)
def test_f05_a_png_with_huge_text_is_taken_without_it(work: Path, name: bytes, data: bytes) -> None:
    said = keep(work, with_chunk(saved(marked(), "PNG"), name, data))
    assert colour_at(assert_shown_by_browsers(work, said), (0, 0)) == BLUE
    assert (work / "target").stat().st_size < 10_000


def test_f05_many_texts_together_are_no_reason_to_refuse(work: Path) -> None:
    png = saved(marked(), "PNG")
    for _ in range(70):
        png = with_chunk(png, b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1_000_000))
    assert_shown_by_browsers(work, keep(work, png))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "LAB"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_f05_a_tiff_is_kept_as_what_browsers_show(work: Path, mode: str, compression: str) -> None:
    image = Image.new(mode, (400, 320)) if mode in {"I;16", "F", "LAB"} else marked(mode=mode)
    said = keep(work, saved(image, "TIFF", compression=compression))
    assert_shown_by_browsers(work, said)
    assert (said["width"], said["height"]) == (400, 320)


def test_f05_of_a_tiff_with_pages_the_first_is_kept(work: Path) -> None:
    pages = {"save_all": True, "append_images": [Image.new("RGB", (300, 300), GREEN)]}
    said = keep(work, saved(marked(), "TIFF", **pages))
    assert colour_at(assert_shown_by_browsers(work, said), (399, 319)) == RED


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_f05_an_image_is_kept_upright(work: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    said = keep(work, saved(marked(), kind, exif=exif))
    image = assert_shown_by_browsers(work, said)
    is_on_its_side = orientation >= 5
    assert image.size == ((320, 400) if is_on_its_side else (400, 320))
    # Where each way of turning brings the upper left corner.
    right, bottom = image.width - 20, image.height - 20
    corners = {2: (right, 20), 3: (right, bottom), 4: (20, bottom), 5: (20, 20)}
    corners |= {6: (right, 20), 7: (right, bottom), 8: (20, bottom)}
    assert near(colour_at(image, corners[orientation]), BLUE)
    for other in {(20, 20), (right, 20), (20, bottom), (right, bottom)} - {corners[orientation]}:
        assert near(colour_at(image, other), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_f05_colours_of_another_profile_become_srgb(work: Path, kind: str) -> None:
    said = keep(work, saved(marked(), kind, icc_profile=swapped_profile()))
    assert near(colour_at(assert_shown_by_browsers(work, said), (399, 319)), GREEN)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("profile", [b"no profile", swapped_profile()], ids=["broken", "of rgb"])
def test_f05_a_profile_that_does_not_fit_is_left_out(work: Path, kind: str, profile: bytes) -> None:
    content = saved(marked(mode="L"), kind, icc_profile=profile)
    image = assert_shown_by_browsers(work, keep(work, content))
    assert image.mode == "L"


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_f05_printers_colours_become_those_of_screens(work: Path, kind: str) -> None:
    said = keep(work, saved(marked(mode="CMYK"), kind))
    image = assert_shown_by_browsers(work, said)
    assert near(colour_at(image, (399, 319)), RED)
    assert near(colour_at(image, (0, 0)), BLUE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_f05_sixteen_bits_become_eight_and_stay_as_bright(work: Path, kind: str) -> None:
    grey = Image.new("I;16", (400, 320), 32_768)
    image = assert_shown_by_browsers(work, keep(work, saved(grey, kind)))
    assert image.mode == "L"
    assert image.getpixel((0, 0)) in {127, 128}


def test_f05_a_png_of_three_times_sixteen_bits_becomes_one_of_eight(work: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 65_535, 0, 32_768) * 300 for _ in range(300))
    head = struct.pack(">IIBBBBB", 300, 300, 16, 2, 0, 0, 0)
    said = keep(work, png_of(head, zlib.compress(rows)))
    assert (work / "target").read_bytes()[24] == 8
    assert colour_at(assert_shown_by_browsers(work, said), (0, 0)) == (255, 0, 128)


def test_f05_transparency_of_a_palette_stays(work: Path) -> None:
    image = marked(mode="P")
    clear = image.getpixel((0, 0))
    exif = Image.Exif()
    exif[0x0112] = 3
    content = saved(image, "PNG", transparency=clear, exif=exif)
    kept = assert_shown_by_browsers(work, keep(work, content))
    assert kept.mode == "RGBA"
    assert kept.getpixel((399, 319))[3] == 0  # type: ignore[index]
    assert kept.getpixel((0, 0)) == (*RED, 255)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_f05_transparency_stays_when_an_image_is_rewritten(work: Path, kind: str) -> None:
    image = marked(mode="RGBA")
    image.putalpha(Image.new("L", image.size, 128))
    said = keep(work, saved(image, kind, icc_profile=swapped_profile()))
    kept = assert_shown_by_browsers(work, said)
    assert kept.mode == "RGBA"
    assert kept.getpixel((0, 0))[3] == 128  # type: ignore[index]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_f05_of_an_animation_the_first_frame_is_kept(work: Path, kind: str) -> None:
    frames = [marked(), Image.new("RGB", (400, 320), GREEN)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    image = assert_shown_by_browsers(work, keep(work, content))
    assert near(colour_at(image, (399, 319)), RED)
    assert near(colour_at(image, (0, 0)), BLUE)


def test_f05_of_a_phones_two_pictures_the_first_is_kept(work: Path) -> None:
    other = Image.new("RGB", (400, 320), GREEN)
    content = saved(marked(), "MPO", save_all=True, append_images=[other])
    said = keep(work, content)
    assert said["kind"] == "JPEG"
    assert near(colour_at(assert_shown_by_browsers(work, said), (399, 319)), RED)


def test_f05_a_phones_heic_is_kept_as_an_upright_jpeg(work: Path) -> None:
    pytest.importorskip("pi_heif")
    said = keep(work, (HERE / "turned.heic").read_bytes())
    assert said == {"kind": "JPEG", "width": 320, "height": 400}
    image = assert_shown_by_browsers(work, said)
    assert near(colour_at(image, (300, 20)), BLUE, by=40)
    assert near(colour_at(image, (20, 380)), RED, by=40)


def test_f05_half_a_heic_is_called_damaged(work: Path) -> None:
    pytest.importorskip("pi_heif")
    content = (HERE / "turned.heic").read_bytes()
    assert keep(work, content[: len(content) // 2]) == {"refused": "broken", "kind": "HEIF"}


def test_f05_an_avif_is_kept_as_a_jpeg(work: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    said = keep(work, saved(marked(), "AVIF", quality=90, exif=exif))
    assert said == {"kind": "JPEG", "width": 320, "height": 400}
    assert near(colour_at(assert_shown_by_browsers(work, said), (300, 20)), BLUE, by=40)


def test_f05_what_grows_too_long_in_one_kind_is_kept_in_a_shorter_one(work: Path) -> None:
    noise = Image.frombytes("RGB", (400, 400), random.Random(1).randbytes(480_000))
    noise.putalpha(Image.new("L", noise.size, 128))
    content = saved(noise, "TIFF")
    assert keep(work, content)["kind"] == "PNG"
    assert keep(work, content, max_bytes=300_000)["kind"] == "JPEG"
    assert keep(work, content, max_bytes=1_000) == {"refused": "bytes"}


def test_f05_a_vendor_of_few_kinds_gets_one_of_them(work: Path) -> None:
    assert keep(work, image_bytes("PNG"), kinds=["JPEG"])["kind"] == "JPEG"
    assert keep(work, image_bytes("JPEG"), kinds=["WEBP"])["kind"] == "WEBP"
    assert keep(work, image_bytes("GIF"), kinds=["JPEG", "PNG"])["kind"] == "PNG"


@pytest.mark.parametrize("size", [(299, 300), (6001, 3000), (751, 300), (300, 751), (1, 1)])
def test_f05_a_wrong_size_is_told_as_it_is(work: Path, size: tuple[int, int]) -> None:
    said = keep(work, image_bytes("PNG", size, "1"))
    assert said == {"refused": "size", "width": size[0], "height": size[1]}


def test_f17_a_picture_that_would_fill_the_memory_is_refused_by_its_head(work: Path) -> None:
    content = bytearray(image_bytes("PNG", (300, 300), "1"))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    assert keep(work, bytes(content))["refused"] in {"size", "broken"}


@pytest.mark.parametrize(
    ("content", "other"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing or a web page"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "an SVG drawing or a web page"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0qt  ", "a film"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "a film"),
        (b"\0\0\0\x0cJXL \r\n", "a JPEG XL image"),
        (b"\0\0\1\0\1\0", "an icon"),
        (b"PK\3\4", "a ZIP archive"),
        (b"text", ""),
        (b"", ""),
    ],
)
def test_f05_what_is_no_image_is_told_by_its_name(work: Path, content: bytes, other: str) -> None:
    assert keep(work, content) == {"refused": "unknown", "other": other}
    assert (format_of(content), other_format(content)) == ("", other)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_half_an_image_is_damaged(work: Path, kind: str) -> None:
    noise = Image.frombytes("RGB", (320, 320), random.Random(1).randbytes(320 * 320 * 3))
    content = saved(noise, kind)
    assert keep(work, content[: len(content) // 2]) == {"refused": "broken", "kind": kind}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF"])
def test_whatever_is_broken_is_refused_and_never_an_error(work: Path, kind: str) -> None:
    chance = random.Random(kind)
    if kind == "HEIF":
        pytest.importorskip("pi_heif")
        whole = (HERE / "turned.heic").read_bytes()
    else:
        whole = image_bytes(kind, (300, 300), "P" if kind == "GIF" else "RGB")
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            broken[chance.randrange(min(len(broken), 400))] = chance.randrange(256)
        said = keep(work, bytes(broken))
        assert said.get("refused") in {None, "unknown", "broken", "size", "bytes"}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_f17_the_largest_image_fits_the_childs_memory(work: Path, kind: str) -> None:
    image = Image.new("RGBA" if kind != "JPEG" else "RGB", (6000, 6000), RED)
    (work / "source").write_bytes(saved(image, kind, icc_profile=swapped_profile()))
    limits = json.dumps(LIMITS)
    printed = run_decoder("images", work / "source", work / "target", limits, seconds=120)
    said = json.loads(printed)
    assert said.get("width") == 6000


def test_p33_the_decoder_of_images_gets_no_django() -> None:
    loaded = "import sys, generations.decoders.images; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
