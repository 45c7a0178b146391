"""A folder as it comes off phones and a NAS: what is in it, and what must become of each file."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from degrade.images.formats import HEIC, JXL, RAW
from tests.degrade.images.phone_files import deep_avif, deep_heic, dng, heic, jxl, scene_mosaic
from tests.degrade.images.samples import (
    P3,
    PROPHOTO,
    chunk,
    encoded,
    gamma_curve,
    icc_chunk,
    matrix_profile,
    png,
    sixteen_bit_png,
    srgb_curve,
)
from tests.photos import make_photo

SIDES = (144, 160)
SAMSUNG = matrix_profile("DCI-P3 D65 Gamut with sRGB Transfer", P3, srgb_curve())
XIAOMI = matrix_profile("sRGB EOTF with DCI-P3 Color Gamut", P3, srgb_curve())
APPLE = matrix_profile("Display P3", P3, srgb_curve())
PRO = matrix_profile("ProPhoto RGB", PROPHOTO, gamma_curve(1.8))
THUMBNAIL = encoded(make_photo(99, 24, 32), "JPEG")


@dataclass
class PhoneFolder:
    """What each file, by its path, must be: in ``used`` part of its note, in ``refused`` of why."""

    used: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    refused: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    left: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Files that are left alone, each with the kind that it is counted as."""
    others: dict[str, bytes] = field(default_factory=dict)
    alike: list[set[str]] = field(default_factory=list)
    """Of those that are used: groups of near duplicates."""
    cameras: dict[str, int] = field(default_factory=dict)
    """How many of those that are used EXIF says each camera took."""

    def write(self, folder: Path) -> Path:
        """Write all of it."""
        described = {**self.used, **self.refused, **self.left}
        contents = {name: data for name, (data, _) in described.items()} | self.others
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder

    def count(self) -> int:
        """Return the number of files."""
        return sum(map(len, (self.used, self.refused, self.left, self.others)))

    def suffixed(self, suffixes: set[str]) -> list[str]:
        """Return the files that are used or refused and have a suffix among some."""
        return [n for n in (*self.used, *self.refused) if Path(n).suffix.lower() in suffixes]


def make() -> PhoneFolder:
    """Make the folder's files; those that need an extra only where it is installed."""
    made = PhoneFolder()
    _cameras(made)
    _bursts(made)
    _two_cameras(made)
    _deep(made)
    _refused(made)
    _left(made)
    for there, add in ((HEIC, _heics), (JXL, _jxls), (RAW, _raws)):
        if there.is_there():
            add(made)
    return made


def _jpeg(seed: int, **options: object) -> bytes:
    return encoded(make_photo(seed, *SIDES), "JPEG", quality=95, **options)


def _cameras(made: PhoneFolder) -> None:
    turned = Pillow.Exif()
    turned[274] = 6
    gain = b"http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'/>"
    segment = b"\xff\xe1" + (len(gain) + 2).to_bytes(2, "big") + gain
    plain, second = _jpeg(1), Pillow.fromarray(make_photo(60, *SIDES))
    clip = b"\0\0\0\x18ftypmp42" + bytes(3000) + b"MotionPhoto_Data"
    both = encoded(make_photo(7, *SIDES), "MPO", save_all=True, append_images=[second], quality=95)
    made.used |= {
        "DCIM/Camera/IMG_0001.JPG": (plain, ""),
        "DCIM/Camera/20260101_120000.jpg": (_jpeg(2, icc_profile=SAMSUNG), "to sRGB"),
        "DCIM/Camera/IMG_20260102.jpg": (_jpeg(3, icc_profile=XIAOMI), "to sRGB"),
        "DCIM/Camera/IMG_0004.jpeg": (_jpeg(4, icc_profile=APPLE, exif=turned), "turned upright"),
        "DCIM/Camera/PXL_0005.jpg": (plain[:2] + segment + _jpeg(5)[2:], "a gain map for HDR"),
        "DCIM/Camera/PXL_0006.MP.jpg": (_jpeg(6) + clip, "is a motion photo"),
        "DCIM/100APPLE/IMG_0007.JPG": (both, "holds 2 pictures; the main one"),
        "Screenshots/shot.webp": (encoded(make_photo(8, *SIDES), "WEBP", lossless=True), ""),
        "WhatsApp/gray.jpg": (encoded(make_photo(9, *SIDES)[..., 0], "JPEG"), "gray, expanded"),
        "DCIM/Camera/IMG_0010.avif": (encoded(make_photo(10, *SIDES), "AVIF", quality=95), ""),
        "Screenshots/named.png": (_jpeg(11), "contains JPEG although it is named .png"),
    }


def _bursts(made: PhoneFolder) -> None:
    again = encoded(make_photo(1, *SIDES), "JPEG", quality=75)
    smaller = Pillow.fromarray(make_photo(2, *SIDES)).resize((120, 108))
    made.used |= {
        "DCIM/Camera/IMG_0001_BURST2.jpg": (again, ""),
        "WhatsApp/IMG-20260101.jpg": (encoded(np.asarray(smaller), "JPEG", quality=90), ""),
    }
    made.alike += [
        {"DCIM/Camera/IMG_0001.JPG", "DCIM/Camera/IMG_0001_BURST2.jpg"},
        {"DCIM/Camera/20260101_120000.jpg", "WhatsApp/IMG-20260101.jpg"},
    ]


def _two_cameras(made: PhoneFolder) -> None:
    for seed, (make, model) in enumerate([("Apple", "iPhone 15"), ("Google", "Pixel 8")] * 2, 70):
        exif = Pillow.Exif()
        exif[271], exif[272] = make, model
        made.used[f"DCIM/Camera/taken_{seed}.jpg"] = (_jpeg(seed, exif=exif), "")
    made.cameras |= {"Apple iPhone 15": 2, "Google Pixel 8": 2}


def _deep(made: PhoneFolder) -> None:
    deep = make_photo(20, *SIDES).astype(np.uint16) * 257
    made.used |= {
        "Edited/prophoto.png": (sixteen_bit_png(deep, icc_chunk(PRO)), "(ProPhoto RGB) to sRGB"),
        "Edited/ten.avif": (deep_avif(make_photo(21, *SIDES).astype(np.uint16) * 257), ""),
    }


def _refused(made: PhoneFolder) -> None:
    deep = make_photo(30, *SIDES).astype(np.uint16) * 257
    pq = chunk(b"cICP", bytes((9, 16, 0, 1)))
    made.refused |= {
        "DCIM/Camera/cut.jpg": (_jpeg(31)[:3000], "is truncated or damaged"),
        "DCIM/Camera/empty.jpg": (b"", "is empty (0 bytes)"),
        "DCIM/Camera/twice.jpg": (_jpeg(1), "has the same bytes as DCIM/Camera/IMG_0001.JPG"),
        "Screenshots/bomb.png": (png(60000, 60000, b"\0"), "claims 60000x60000 pixels"),
        "Screenshots/clear.png": (_clear(), "has an alpha channel"),
        "Screenshots/hdr.png": (sixteen_bit_png(deep, pq), "is HDR (PQ)"),
        "Screenshots/tiny.png": (encoded(make_photo(32, 24, 32)[:8], "PNG"), "too small to use"),
        "Screenshots/page.png": (encoded(_page(), "PNG"), "is left out by its scores (flat "),
        "DCIM/Camera/cut.avif": (encoded(make_photo(33, *SIDES), "AVIF")[:900], "damaged"),
    }


def _page() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a screenshot: lines of words on one colour."""
    page = np.full((*SIDES, 3), 240, np.uint8)
    for row in range(8, SIDES[0] - 8, 40):
        page[row : row + 6, 8 : SIDES[1] - 8 : 3] = 30
    return page


def _clear() -> bytes:
    half = np.full(SIDES, 100, np.uint8)
    return encoded(np.dstack([make_photo(34, *SIDES), half]), "PNG")


def _left(made: PhoneFolder) -> None:
    made.left |= {
        "DCIM/Camera/@eaDir/IMG_0001.JPG/SYNOFILE_THUMB_M.jpg": (THUMBNAIL, "@eaDir"),
        "@eaDir/SYNOFILE_THUMB_XL.jpg": (THUMBNAIL, "@eaDir"),
        "DCIM/.thumbnails/123.jpg": (THUMBNAIL, ".thumbnails"),
        "Thumbs/a.jpg": (THUMBNAIL, "Thumbs"),
        "Edited/.picasaoriginals/IMG_0001.JPG": (_jpeg(40), ".picasaoriginals"),
        "__MACOSX/DCIM/Camera/IMG_0001.JPG": (THUMBNAIL, "__MACOSX"),
        "DCIM/Camera/._IMG_0001.JPG": (b"\0\5\x16\7", "._*"),
        "DCIM/Camera/.trashed-1760000000-IMG_0009.jpg": (_jpeg(41), "hidden"),
        "DCIM/.nomedia": (b"", "hidden"),
        ".DS_Store": (b"x", "hidden"),
        ".cache/a.jpg": (THUMBNAIL, "hidden"),
    }
    made.others |= {
        "DCIM/Camera/VID_0001.mp4": b"\0\0\0\x18ftypmp42",
        "DCIM/100APPLE/IMG_0007.MOV": b"\0\0\0\x18ftypqt  ",
        "DCIM/100APPLE/IMG_0007.AAE": b"<plist/>",
        "Thumbs.db": b"\xd0\xcf",
    }


def _heics(made: PhoneFolder) -> None:
    photo, ten = make_photo(50, *SIDES), make_photo(51, *SIDES).astype(np.uint16) * 257
    made.used |= {
        "DCIM/100APPLE/IMG_0050.HEIC": (heic(photo, icc_profile=APPLE), "(Display P3) to sRGB"),
        "DCIM/100APPLE/IMG_0051.heic": (deep_heic(ten), ""),
    }
    made.refused["DCIM/100APPLE/cut.heic"] = (heic(photo)[:700], "damaged")


def _jxls(made: PhoneFolder) -> None:
    made.used["Edited/new.jxl"] = (jxl(make_photo(52, *SIDES)), "")
    made.refused["Edited/cut.jxl"] = (jxl(make_photo(53, *SIDES))[:300], "damaged")


def _raws(made: PhoneFolder) -> None:
    made.used["DCIM/Camera/RAW_0054.dng"] = (dng(scene_mosaic(*SIDES)), "raw, developed with")
    made.cameras["Test Phone"] = 1
    made.refused["DCIM/Camera/cut.dng"] = (dng(scene_mosaic(*SIDES, 1))[:2000], "damaged")
