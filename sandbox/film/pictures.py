"""Open the images of a request, as the vendor's limits allow."""

from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_SIDES: Final = range(300, 6001)
_NARROWEST: Final = 0.4
_WIDEST: Final = 2.5


class PictureError(Exception):
    """Say why an image cannot be used."""


def open_picture(path: Path, size: tuple[int, int]) -> Image.Image:
    """Return an image in RGB, cropped around its middle to cover `size` (width, height)."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            # Only the header is read so far: nothing huge is ever unpacked.
            _check_size(image.width, image.height)
            upright = ImageOps.exif_transpose(_without_alpha(image))
    except PictureError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise PictureError("The image is broken or not of a supported format.") from None
    return ImageOps.fit(upright, size, Image.Resampling.LANCZOS)


def _check_size(width: int, height: int) -> None:
    if width not in _SIDES or height not in _SIDES:
        raise PictureError(f"The image must be {_SIDES[0]} to {_SIDES[-1]} pixels a side.")
    if not _NARROWEST <= width / height <= _WIDEST:
        raise PictureError(f"The image's ratio must be {_NARROWEST} to {_WIDEST}.")


def _without_alpha(image: Image.Image) -> Image.Image:
    """Return RGB, what is transparent on white; sixteen-bit greys are brought down to eight."""
    if image.mode.startswith("I"):
        image = image.point(lambda grey: grey / 256).convert("L")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        opaque = Image.new("RGBA", rgba.size, "white")
        opaque.alpha_composite(rgba)
        image = opaque
    return image.convert("RGB")
