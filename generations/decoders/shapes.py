"""How large previews are. Pure, and nothing of Django: the encoder asks too."""

# Boxes in pixels, width and height: for a tile of the studio, and for one on a fine screen.
SMALL = (512, 320)
LARGE = (800, 560)

Size = tuple[int, int]


def fitted(size: Size, box: Size) -> Size:
    """Return width and height of a picture brought into a box in its own shape, never enlarged."""
    width, height = size
    scale = min(1.0, box[0] / max(width, 1), box[1] / max(height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))


def even(size: Size) -> Size:
    """Return the size with even sides, as films must have, at most a pixel smaller."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)
