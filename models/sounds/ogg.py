"""Ogg with Vorbis or Opus: the first packet, and the last page's place in time."""

import struct

from models.sounds.header import Damaged, Header

MAGIC = b"OggS"
OPUS_RATE = 48_000  # in which every Opus stream counts its time (RFC 7845, section 4)
# Those at which libsndfile decodes it: the next above what was encoded.
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, OPUS_RATE)
PACKET_AT = 28  # behind the head of a first page, whose one packet is under 255 bytes
NONE_ENDS = 0xFFFF_FFFF_FFFF_FFFF


def look(content: bytes) -> Header:
    """Read an Ogg file: which of the two it is, and its size.

    Source: RFC 3533, section 6; RFC 7845, section 5.1; Vorbis I, section 4.2.2.

    Raises:
        Damaged, struct.error: it is damaged, of another kind, or of several streams.
    """
    packet = content[PACKET_AT : PACKET_AT + 64]
    (serial,) = struct.unpack_from("<I", content, 14)
    if packet.startswith(b"\x01vorbis"):
        channels, rate = struct.unpack_from("<BI", packet, 11)
        return Header(content, channels, rate, _end(content, serial))
    if packet.startswith(b"OpusHead"):
        channels, skipped, told = struct.unpack_from("<BHI", packet, 9)
        rate = next((r for r in OPUS_RATES if r >= told > 0), OPUS_RATE)
        frames = max(0, _end(content, serial) - skipped) * rate // OPUS_RATE
        return Header(content, channels, rate, frames)
    raise Damaged("it holds neither Vorbis nor Opus (Speex and Ogg FLAC are not read)")


def _end(content: bytes, serial: int) -> int:
    """Find the place in time at which the last page ends a packet."""
    at = len(content)
    while (at := content.rfind(MAGIC, 0, at)) >= 0:
        place, owner = struct.unpack_from("<QI", content, at + 6)
        if owner != serial:
            raise Damaged("it holds several streams")
        if place != NONE_ENDS:
            return int(place)
    raise Damaged("it ends nowhere")
