"""A store as arrays: kernels, noise and pairs, and where each came from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from degrade import arguments
from degrade.api.texts import in_arguments
from degrade.arguments import PathLike
from degrade.arrays import U8
from degrade.errors import DegradeError, NoStore, PathNotFound
from degrade.store import reader
from degrade.store.backend import local_path
from degrade.store.contents import Kernels, NoiseBank, Pairs, Sources
from degrade.store.tiles import TileArray

if TYPE_CHECKING:
    import pandas

Kind = Literal["photos", "kernels", "noise", "pairs"]


@dataclass(frozen=True, eq=False)
class Tiles:
    """Square uint8 RGB tiles [N, T, T, 3] that are read where they are asked for.

    ``tiles[3]`` is one, [T, T, 3], a view of a mapped file; ``tiles[2:5]``, ``tiles[[7, 1]]`` and
    ``numpy.asarray(tiles)`` are copies.
    """

    _stored: TileArray

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, T, T, 3)."""
        return self._stored.shape

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, index: "int | slice | Sequence[int] | npt.NDArray[Any]") -> U8:
        if isinstance(index, int | np.integer):
            return self._stored.tile(range(len(self))[index])
        rows = np.arange(len(self))[index]
        return np.stack([self._stored.tile(int(row)) for row in rows]) if len(rows) else self._none

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Return all tiles."""
        return np.asarray(self[:], dtype)

    @property
    def _none(self) -> U8:
        return np.empty((0, *self.shape[1:]), np.uint8)


@dataclass(frozen=True, eq=False)
class KernelArrays:
    """All kernels of one scale, refused ones too; a row for each estimate.

    Attributes:
        weights: [K, S, S] float32, applied as correlations; zeros where there is no kernel.
        accepted: [K] bool.
        score: [K] float32 in [0, 1].
        sigma_major: [K] float32, HR pixels; likewise ``sigma_minor``.
        sigma_minor: See ``sigma_major``.
        angle: [K] float32, radians.
        source: [K] int32, row of the photos.
        sigma_errors: [K, 2], half the widths of the intervals about both sigmas that hold the truth
            for nine kernels of ten, HR pixels; None where the estimator gives none.
        angle_error: [K], likewise, radians.
    """

    weights: npt.NDArray[np.float32]
    accepted: npt.NDArray[np.bool_]
    score: npt.NDArray[np.float32]
    sigma_major: npt.NDArray[np.float32]
    sigma_minor: npt.NDArray[np.float32]
    angle: npt.NDArray[np.float32]
    source: npt.NDArray[np.int32]
    sigma_errors: npt.NDArray[np.float64] | None = None
    angle_error: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class NoiseArrays:
    """The noise bank; a row for each patch.

    Attributes:
        patches: [N, P, P, 3] uint8.
        mean: [N, 3] float32, 0..255.
        variance: [N] float32, squared levels.
        source: [N] int32, row of the photos.
    """

    patches: Tiles
    mean: npt.NDArray[np.float32]
    variance: npt.NDArray[np.float32]
    source: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PairArrays:
    """Aligned HR/LR tiles of one scale; a row for each pair.

    Attributes:
        scale: HR pixels per LR pixel.
        hr: [M, T, T, 3] uint8.
        lr: [M, T/scale, T/scale, 3] uint8, noise-free unless noise is baked in.
        train: [M] bool; the others are for validation.
        kernel: [M] int32, row of the kernels; negative: see the store's page.
        source: [M] int32, row of the photos.
    """

    scale: int
    hr: Tiles
    lr: Tiles
    train: npt.NDArray[np.bool_]
    kernel: npt.NDArray[np.int32]
    source: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class StoreArrays:
    """A store, opened for reading; see `open_store`.

    Attributes:
        location: Its folder or address.
        stored: The reader that the stages use.
    """

    location: str
    stored: reader.Store

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that the store has pairs for."""
        return tuple(self.stored.scales("pairs"))

    def kernels(self, scale: int | None = None) -> KernelArrays:
        """Return the kernels of a scale, which may be left out where there is one.

        Raises:
            NoStore: The store has none of it (a `ValueError`).
        """
        with in_arguments():
            wanted = self.the_scale("kernels", scale)
            found = self.stored.kernels(wanted)
        half = found.half_widths(wanted)
        return KernelArrays(
            weights=found.weights,
            accepted=found.accepted,
            score=found.score,
            sigma_major=found.sigma_major,
            sigma_minor=found.sigma_minor,
            angle=found.angle,
            source=found.source,
            sigma_errors=None
            if half is None
            else np.stack([half.sigma_major, half.sigma_minor], 1),
            angle_error=None if half is None else half.angle,
        )

    def noise(self) -> NoiseArrays:
        """Return the noise bank.

        Raises:
            NoStore: The store has none (a `ValueError`).
        """
        with in_arguments():
            bank = self.stored.noise()
        return NoiseArrays(Tiles(bank.patches), bank.mean, bank.variance, bank.source)

    def pairs(self, scale: int | None = None) -> PairArrays:
        """Return the pairs of a scale, which may be left out where there is one.

        Raises:
            NoStore: The store has none of it (a `ValueError`).
        """
        with in_arguments():
            found = self.stored.pairs(self.the_scale("pairs", scale))
        is_train = np.asarray(found.split == "train")
        hr, lr = Tiles(found.hr), Tiles(found.lr)
        return PairArrays(found.scale, hr, lr, is_train, found.kernel, found.source)

    def provenance(self, kind: Kind = "pairs", scale: int | None = None) -> "pandas.DataFrame":
        """Return where each row came from and what is known of it, as a pandas table.

        Args:
            kind: ``photos``, ``kernels``, ``noise`` or ``pairs``. All but the first have the
                photo's path as column ``path``, too; it is empty where the photo is not known.
            scale: Of kernels and pairs; may be left out where there is one.

        Returns:
            A row for each row of the store's arrays, the columns as its page describes them; of
            photos and pairs the scores, too.

        Raises:
            NoStore: The store has none of it (a `ValueError`).
            SettingsError: There is no such kind (a `ValueError`).
            DegradeError: pandas is not installed.
        """
        wanted = arguments.one_of(kind, "kind", ("photos", "kernels", "noise", "pairs"))
        with in_arguments():
            photos = self.stored.sources()
            table = photos if wanted == "photos" else self._table(wanted, scale)
        columns = _columns(table)
        if "source" in columns:
            known = [str(photos.path[row]) if row >= 0 else "" for row in columns["source"]]
            columns = {"path": known, **columns}
        return _pandas().DataFrame(columns)

    def _table(self, kind: str, scale: int | None) -> Kernels | NoiseBank | Pairs:
        if kind == "noise":
            return self.stored.noise()
        wanted = self.the_scale(kind, scale)
        return self.stored.kernels(wanted) if kind == "kernels" else self.stored.pairs(wanted)

    def the_scale(self, kind: str, scale: int | None) -> int:
        """Return the scale that was asked for, or the only one of a kind (kernels, pairs).

        Raises:
            NoStore: There is none, or it is not known which (a `ValueError`).
        """
        found = self.stored.scales(kind)
        if scale is not None:
            wanted = arguments.whole(scale, "scale", 1)
            if wanted not in found:
                listed = ", ".join(map(str, found)) or "none"
                raise NoStore(f"{self.location}: has {kind} of scale {listed}, not {wanted}")
            return wanted
        if len(found) != 1:
            listed = (
                f"of the scales {', '.join(map(str, found))}: say which" if found else "not yet"
            )
            raise NoStore(f"{self.location}: has {kind} {listed}; give scale, or make them first")
        return found[0]


def open_store(location: PathLike = "degrade.zarr") -> StoreArrays:
    """Open a store for reading.

    Args:
        location: Its folder, or an address that fsspec knows, such as ``s3://bucket/name``.

    Raises:
        PathNotFound: No folder is there (a `FileNotFoundError`).
        NoStore: What is there is no degrade store (a `ValueError`).
        SettingsError: It is no path (a `ValueError`).
    """
    is_text = isinstance(location, str)
    address = str(location) if is_text else str(arguments.path(location, "location"))
    arguments.path(address, "location")
    address = arguments.expand_home(address)
    local = local_path(address)
    if local is not None and not local.exists():
        raise PathNotFound(
            f"location is {address}, where no store is: check the path, or make one with "
            "degrade.build_pairs"
        )
    with in_arguments():
        return StoreArrays(address, reader.open_store(address))


def _columns(table: Any) -> dict[str, Any]:
    """Return the columns of a group that have one value per row."""
    count = len(table.path if isinstance(table, Sources) else table.source)
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    values |= values.pop("scores", {})
    arrays = {n: a for n, a in values.items() if isinstance(a, np.ndarray)}
    flat = {n: a for n, a in arrays.items() if a.shape == (count,)}
    return {name: array.tolist() for name, array in flat.items()}


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise DegradeError(
            "provenance needs pandas, which is not installed: pip install pandas"
        ) from error
    return pandas
