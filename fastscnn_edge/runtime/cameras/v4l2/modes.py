"""Modes of a V4L2 camera, and the choice among them. No frame is read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ....errors import SourceError
from . import abi
from .device import Device, enumerate_with

FORMATS = ("YUYV", "UYVY", "NV12", "NV21", "YU12", "YV12", "RGB3", "BGR3", "MJPG", "JPEG", "GREY", "Y16")
"""Pixel formats with a decoder here: color before gray, and the cheapest for the processor first."""

DEFAULT_RATE = 30.0


@dataclass(frozen=True)
class ModeRequest:
    """The user's request to a camera.

    Attributes:
        size: (width, height) in pixels, None to choose by :attr:`minimum_size`.
        rate: frames per second, None for about :data:`DEFAULT_RATE`.
        format: FOURCC, four characters; None for the cheapest that reaches the rate.
        minimum_size: (width, height) of the model's input; smaller frames would waste its resolution.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    format: str | None = None
    minimum_size: tuple[int, int] = (640, 480)


@dataclass(frozen=True)
class Mode:
    """One mode of a camera. ``rates`` in frames per second, descending; empty if the driver does not list them."""

    format: str
    width: int
    height: int
    rates: tuple[float, ...] = ()

    def reach(self, rate: float) -> float:
        """Rate that the mode delivers when asked for ``rate``; an unlisted one counts as reached."""
        if not self.rates:
            return rate
        return min((r for r in self.rates if r >= rate - 0.01), default=self.rates[0])

    def __str__(self) -> str:
        return f"{self.format} {self.width}x{self.height}"


@dataclass(frozen=True)
class SizeRange:
    """Range of sizes from (width, height) ``low`` to ``high`` in steps of ``step``, as drivers that scale report."""

    low: tuple[int, int]
    high: tuple[int, int]
    step: tuple[int, int] = (1, 1)

    def nearest(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """Smallest size in the range that is not below ``wanted``, else the largest."""
        width, height = (
            min(low + -(-max(0, want - low) // step) * step, high - (high - low) % step)
            for want, low, high, step in zip(wanted, self.low, self.high, self.step, strict=True)
        )
        return width, height


@dataclass(frozen=True)
class FormatModes:
    """Sizes and rates that the driver lists for one pixel format."""

    format: str
    modes: tuple[Mode, ...] = ()
    ranges: tuple[SizeRange, ...] = field(default=())


def read_formats(device: Device) -> list[FormatModes]:
    """Read all formats of a camera, with sizes and rates.

    Raises:
        OSError: the device does not answer.
    """
    formats = []
    prepared = abi.BUFFER_TYPE_CAPTURE.to_bytes(4, "little")
    for answer in enumerate_with(device, abi.ENUM_FMT, abi.FMTDESC.size, prepared):
        number = abi.FMTDESC.unpack(answer)[4]
        sizes = list(_sizes(device, number))
        name = abi.fourcc_name(number)
        modes = [Mode(name, *s, tuple(_rates(device, number, s))) for s in sizes if isinstance(s, tuple)]
        formats.append(FormatModes(name, tuple(modes), tuple(s for s in sizes if isinstance(s, SizeRange))))
    return formats


def _sizes(device: Device, number: int) -> Iterator[tuple[int, int] | SizeRange]:
    prepared = number.to_bytes(4, "little")
    for answer in enumerate_with(device, abi.ENUM_FRAMESIZES, abi.FRMSIZEENUM.size, prepared):
        _, _, kind, a, b, c, d, e, f = abi.FRMSIZEENUM.unpack(answer)
        if kind == abi.SIZE_DISCRETE:
            yield a, b
        else:  # width from, to, step; height from, to, step: a range is a single entry
            yield SizeRange((a, d), (b, e), (max(c, 1), max(f, 1)))
            return


def _rates(device: Device, number: int, size: tuple[int, int]) -> list[float]:
    prepared = b"".join(n.to_bytes(4, "little") for n in (number, *size))
    rates = set()
    for answer in enumerate_with(device, abi.ENUM_FRAMEINTERVALS, abi.FRMIVALENUM.size, prepared):
        kind, *values = abi.FRMIVALENUM.unpack(answer)[4:]
        # An interval is a fraction of a second. A range lists its shortest and its longest; both ends are enough.
        pairs = [values[:2]] if kind == abi.SIZE_DISCRETE else [values[:2], values[2:4]]
        rates |= {round(below / above, 3) for above, below in pairs if above and below}
        if kind != abi.SIZE_DISCRETE:
            break
    return sorted(rates, reverse=True)


def choose(formats: Sequence[FormatModes], request: ModeRequest, name: str) -> Mode:
    """Choose the mode that fits ``request`` best: size first, then rate, then the cheapest format.

    Without a requested size, the smallest that is not below the model's input, else the largest.

    Args:
        formats: result of :func:`read_formats`.
        request: the user's request.
        name: the camera's name for messages.

    Raises:
        SourceError: none of the camera's formats can be decoded here, or the requested mode is missing; the message
            lists the available ones.
    """
    usable = [entry for entry in formats if entry.format in FORMATS]
    if not usable:
        listed = ", ".join(entry.format for entry in formats) or "nothing"
        raise SourceError(
            f"{name} offers {listed}, of which nothing can be decoded ({' '.join(FORMATS)}); "
            "a raw CSI sensor needs --camera csi"
        )
    if request.format:
        asked = request.format.upper().rstrip()
        usable = [entry for entry in usable if entry.format == asked]
        if not usable:
            known = [entry.format for entry in formats if entry.format in FORMATS]
            raise SourceError(f"{name} does not offer {asked}; it has {', '.join(known)}")
    modes = [mode for entry in usable for mode in _concrete(entry, request)]
    if request.size:
        fitting = [mode for mode in modes if (mode.width, mode.height) == request.size]
        if not fitting:
            raise SourceError(f"{name} does not offer {request.size[0]}x{request.size[1]}; it has {_listed(modes)}")
        modes = fitting
    rate = request.rate or DEFAULT_RATE

    def rank(mode: Mode) -> tuple[bool, int, float, int]:
        small = mode.width < request.minimum_size[0] or mode.height < request.minimum_size[1]
        area = mode.width * mode.height
        return small, -area if small else area, abs(mode.reach(rate) - rate), FORMATS.index(mode.format)

    return min(modes, key=rank)


def _concrete(entry: FormatModes, request: ModeRequest) -> Iterator[Mode]:
    """Yield the listed modes, and for each range the one size that fits.

    If the driver lists no sizes, the requested one is tried.
    """
    yield from entry.modes
    wanted = request.size or request.minimum_size
    for sizes in entry.ranges:
        yield Mode(entry.format, *sizes.nearest(wanted))
    if not entry.modes and not entry.ranges:
        yield Mode(entry.format, *wanted)


def _listed(modes: Sequence[Mode]) -> str:
    sizes = sorted({(mode.width, mode.height) for mode in modes})
    return ", ".join(f"{width}x{height}" for width, height in sizes)
