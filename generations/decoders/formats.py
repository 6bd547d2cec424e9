"""What a file is by its first bytes, whatever its name says. Pure."""

_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
_STARTS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# What people hand in by mistake, in the words of the refusal.
_OTHERS = {
    "a PDF": (b"%PDF",),
    "a JPEG XL image": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "a JPEG 2000 image": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "a Photoshop file": (b"8BPS",),
    "an icon": (b"\0\0\1\0",),
    "a ZIP archive": (b"PK\3\4",),
    "a film": (b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3"),
    "an SVG drawing or a web page": (b"<svg", b"<?xml", b"<!doctype", b"<html"),
}
HEAD_BYTES = 64


def format_of(head: bytes) -> str:
    """Return the format that a file of these first bytes claims to have, "" for none of ours."""
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in range(8, len(head), 4)}
        if brands & set(_AVIF):
            return "AVIF"
        return "HEIF" if brands & set(_HEIF) else ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return _named(head, _STARTS)


def other_format(head: bytes) -> str:
    """Return what else a file of these first bytes is, with its article; "" if that is unknown."""
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a film"
    return _named(head.lstrip(b"\xef\xbb\xbf \r\n\t").lower(), _LOWER) or _named(head, _OTHERS)


def _named(head: bytes, starts: dict[str, tuple[bytes, ...]]) -> str:
    return next((name for name, begins in starts.items() if head.startswith(begins)), "")


_LOWER = {name: begins for name, begins in _OTHERS.items() if begins[0].startswith(b"<")}
