"""Take out of a PNG what readers bound, and refuse a whole image for: long text and profiles."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_HEADER = struct.Struct(">I4s")
# Bytes of a colour profile; the longest that printers have are some megabytes.
LONGEST_PROFILE = 16 * 1024**2
# Bytes of all text, which may be packed: more may unpack to what readers refuse.
_LIGHT = 1024


def without_long_extras(content: bytes) -> tuple[bytes, bool]:
    """Return a PNG without its text, and without a profile beyond all measure; and whether what was
    left out is too little for any reader to mind.

    What is no whole PNG comes out as it is: its decoder says so.
    """
    kept, at, text, is_light = [_SIGNATURE], len(_SIGNATURE), 0, True
    while at + _HEADER.size <= len(content):
        length, name = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + length + 4
        if name == b"iCCP" and _is_beyond_measure(content[at + _HEADER.size : end - 4]):
            is_light = False
        elif name not in _TEXT:
            kept.append(content[at:end])
        else:
            text += length
        at = end
        if name == b"IEND":
            break
    return b"".join(kept) + content[at:], is_light and text <= _LIGHT


def _is_beyond_measure(data: bytes) -> bool:
    """Return whether a profile's chunk, a name and its packed bytes, unpacks to too much."""
    _, _, packed = data.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:], LONGEST_PROFILE)
    except zlib.error:
        return True
    return bool(unpacker.unconsumed_tail)
