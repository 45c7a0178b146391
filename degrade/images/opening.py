"""Tell a file's format by its contents, open it with Pillow, and judge it by its header."""

from importlib import import_module
from io import BytesIO
from pathlib import PurePath
from typing import Any, BinaryIO

from PIL import Image as Pillow
from PIL import ImageFile, TiffImagePlugin, UnidentifiedImageError, features

from degrade.errors import ImageRefused
from degrade.images import isobmff, jxl_header
from degrade.images.formats import EXTRAS, FORMATS, PLAIN
from degrade.images.library_messages import captured_messages
from degrade.images.policy import DecodePolicy
from degrade.images.raw import check_pixels, raw_size
from degrade.images.rgb_space import CodePoints
from degrade.images.to_srgb import ColourTag

# DecodePolicy.max_pixels is checked on the header instead: Pillow's own limit is lower than large
# cameras, and is a warning before it is an error.
Pillow.MAX_IMAGE_PIXELS = None

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_TIFF = (b"II*\0", b"MM\0*")
_BIG_TIFF = (b"II+\0", b"MM\0+")
_NEVER_RAW = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF")
_DNG_VERSION = 50706
_HEAD_BYTES = 1 << 16
"""Bytes that suffice to recognise a format, and to read the size of a JPEG XL."""


def format_of(data: bytes, name: str) -> str:
    """Return a file's format, a key of `FORMATS`; "" for what Pillow may know by itself.

    Raises:
        ImageRefused: What reads the format is not installed.
    """
    form = _form(data, name)
    if form == "AVIF" and not features.check("avif"):
        raise ImageRefused(name, "is AVIF, which this Pillow cannot read (pip install -U pillow)")
    extra = EXTRAS.get(form)
    if extra is not None and not extra.is_there():
        raise ImageRefused(name, f"is {form} and needs {extra.module} ({extra.install})")
    return form


def open_image(data: bytes, name: str, form: str, policy: DecodePolicy) -> Pillow.Image:
    """Open a file of a format that Pillow reads, by itself or by a plugin.

    Raises:
        ImageRefused: It is empty, of another format, or damaged.
    """
    if not data:
        raise ImageRefused(name, "is empty (0 bytes)")
    try:
        if data.startswith(b"\x89PNG"):
            Pillow.open(BytesIO(data), formats=["PNG"]).verify()  # checksums; load() skips them
        if form == "JXL":  # which is decoded when it is opened
            header = jxl_header.read_header(data)
            check_pixels(header.height, header.width, name, policy)
        return Pillow.open(BytesIO(data), formats=_readers(form))
    except UnidentifiedImageError as error:
        raise ImageRefused(name, _unidentified(data)) from error


def claimed_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Return the height and width that a file's header claims; EXIF rotation may swap them.

    Raises:
        Exception: Whatever Pillow, its plugins or LibRaw raise on a file that is none of theirs.
    """
    start = file.read(_HEAD_BYTES)
    form = format_of(start, name)
    if form == "JXL":
        header = jxl_header.read_header(start)
        return header.height, header.width
    file.seek(0)
    if form == "RAW":
        return raw_size(file.read())
    with captured_messages([]):
        width, height = Pillow.open(file, formats=_readers(form)).size
    return height, width


def depth_of(image: Pillow.Image, data: bytes) -> int | None:
    """Return the bits a channel of AVIF, HEIC or JPEG XL; None where the file does not say."""
    if image.format == "JXL":
        return jxl_header.read_header(data).depth
    if image.format == "HEIF":
        return int(image.info["bit_depth"])
    return isobmff.main_picture(data).depth


def colour_tag(image: Pillow.Image, data: bytes) -> ColourTag:
    """Return how a file marks its colours."""
    profile: bytes | None = image.info.get("icc_profile") or None
    if image.format == "PNG" and (points := _png_points(data)):
        return ColourTag(points=points)
    if profile is None and image.format in ("AVIF", "HEIF"):
        return ColourTag(points=isobmff.main_picture(data).colour)
    return ColourTag(profile)


def _form(data: bytes, name: str) -> str:
    brands = isobmff.brands(data)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    if data.startswith((jxl_header.BARE, jxl_header.BOXED)):
        return "JXL"
    named_raw = PurePath(name).suffix.lower() in FORMATS["RAW"]
    if b"crx " in brands or (named_raw and data and not data.startswith(_NEVER_RAW)):
        return "RAW"
    return "RAW" if data.startswith(_TIFF) and _is_dng(data) else ""


def _is_dng(data: bytes) -> bool:
    """Tell a TIFF that is a camera's raw file, whatever it is called."""
    try:
        exif = Pillow.Exif()
        with captured_messages([]):  # what there is to say is said when the file is read
            exif.load(b"Exif\0\0" + data)
        return _DNG_VERSION in exif
    except Exception:  # as in decode_uncomposed
        return False


def _readers(form: str) -> list[str]:
    _register(form)
    return [form] if form else [plain for plain in PLAIN if plain != "AVIF"]


def _register(form: str) -> None:
    """Make a plugin's reader known to Pillow; again is no more than once."""
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    elif form == "JXL":
        import_module("pillow_jxl")  # which registers itself


def _png_points(data: bytes) -> CodePoints | None:
    """Return primaries and transfer of a PNG's chunk cICP, which stands before the pixels."""
    pixels = data.find(b"IDAT")
    at = data.find(b"\0\0\0\x04cICP", 0, max(pixels, 0))
    return (data[at + 8], data[at + 9]) if at >= 0 else None


def _unidentified(data: bytes) -> str:
    if data.startswith((*_TIFF, *_BIG_TIFF)):
        return (
            "is a damaged TIFF, or one of floating point or unusual channels "
            "(save it as 8- or 16-bit RGB)"
        )
    known: Any = _HEIF_BRANDS | _AVIF_BRANDS
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"BM")) or data[8:12] == b"WEBP":
        return "is truncated or damaged (its header cannot be read)"
    if isobmff.brands(data) & known or data.startswith((jxl_header.BARE, jxl_header.BOXED)):
        return "is truncated or damaged (its header cannot be read)"
    if data.startswith(b"GIF8"):
        return "contains a GIF (convert it to PNG)"
    if data[4:8] == b"ftyp":
        return "contains a video, or a picture of an unknown kind (convert it to PNG)"
    return "contains no PNG, JPEG, WebP, TIFF, BMP, AVIF, HEIC, JPEG XL or raw image"


UNUSUAL_SIXTEEN_BIT = "is a 16-bit file of an unusual kind (save it as a 16-bit RGB PNG)"
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK"}
_GRAY_MODES = {"1", "L", "LA", "La"}
_BLACK_IS_ZERO, _RGB = 1, 2
_WITH_DEPTHS = ("AVIF", "HEIF", "JXL")


def check_header(image: Pillow.Image, data: bytes, name: str, policy: DecodePolicy) -> None:
    """Refuse an image that is too large or whose kind the policy does not take.

    Raises:
        ImageRefused: The text names the option that would take it.
    """
    check_pixels(image.height, image.width, name, policy)
    channels = tiff_tag(image, TiffImagePlugin.SAMPLESPERPIXEL, 1)
    if channels > 4:
        raise ImageRefused(name, f"has {channels} channels (save it as RGB)")
    if image.mode == "CMYK" and policy.cmyk == "refuse":
        raise ImageRefused(name, "is CMYK (pass --cmyk convert to convert it to RGB)")
    if is_gray(image) and policy.gray == "refuse":
        raise ImageRefused(name, "is gray (pass --gray expand to make three equal channels)")
    bits = bits_of(image, data)
    if bits > 8 and policy.sixteen_bit == "refuse":
        raise ImageRefused(name, f"has {bits} bits a channel (pass --sixteen-bit keep or reduce)")
    if bits == 16 and image.format in ("PNG", "TIFF"):
        if not _is_plain_sixteen_bit(image):
            raise ImageRefused(name, UNUSUAL_SIXTEEN_BIT)
    elif image.mode == "F":
        raise ImageRefused(name, "holds floating-point values (save it as 8- or 16-bit RGB)")
    elif image.mode not in _EIGHT_BIT_MODES and image.mode != "I;16":
        raise ImageRefused(name, f"has colour mode {image.mode} (save it as 8- or 16-bit RGB)")


def misnamed(image: Pillow.Image, name: str) -> list[str]:
    """Note a suffix that is not of the file's format."""
    suffix, form = PurePath(name).suffix.lower(), image.format or ""
    if suffix in FORMATS[form]:
        return []
    return [f"contains {form} although it is named {suffix or 'without suffix'}"]


def bits_of(image: Pillow.Image, data: bytes) -> int:
    """Return the bits a channel, before the pixels are loaded."""
    if image.format == "TIFF":
        depths = set(tiff_tag(image, TiffImagePlugin.BITSPERSAMPLE, (1,)))
        return 16 if depths == {16} else 8
    if image.format == "PNG":
        return 16 if _raw_mode(image).endswith(";16B") else 8
    return (depth_of(image, data) or 8) if image.format in _WITH_DEPTHS else 8


def is_gray(image: Pillow.Image) -> bool:
    """Tell an image without colours by its header."""
    return (
        image.mode in _GRAY_MODES or image.mode.startswith("I;16") or _raw_mode(image) == "LA;16B"
    )


def tiff_tag(image: Pillow.Image, tag: int, default: Any) -> Any:
    """Return a tag of a TIFF file, the default for other formats."""
    return image.tag_v2.get(tag, default) if hasattr(image, "tag_v2") else default


def _is_plain_sixteen_bit(image: Pillow.Image) -> bool:
    photometric = tiff_tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _RGB)
    return image.mode.startswith(("RGB", "I;16")) and photometric in (_BLACK_IS_ZERO, _RGB)


def _raw_mode(image: Pillow.Image) -> str:
    """Return how the file stores its pixels, in Pillow's terms; known until they are loaded."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    arguments = tiles[0].args if tiles else ""
    return arguments if isinstance(arguments, str) else ""
