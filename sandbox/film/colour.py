"""From RGB to the planes of a film: BT.709, limited range, chroma at half size."""

import numpy as np
from PIL import Image

from sandbox.film.encode import Planes
from sandbox.film.noise import Floats


def planes_of(image: Image.Image) -> Planes:
    """Convert an RGB image with even sides."""
    return planes_of_array(np.asarray(image, np.float32))


def planes_of_array(rgb: Floats) -> Planes:
    """Convert (height, width, 3) of 0 to 255, rounding to nearest."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    y = luma * (219 / 255) + 16.5
    u = _halved(blue - luma) * (224 / 255 / 1.8556) + 128.5
    v = _halved(red - luma) * (224 / 255 / 1.5748) + 128.5
    return y.astype(np.uint8), u.astype(np.uint8), v.astype(np.uint8)


def _halved(plane: Floats) -> Floats:
    halved: Floats = (
        plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]
    ) * np.float32(0.25)
    return halved
