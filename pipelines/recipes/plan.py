"""What a recipe will give and take, estimated from a sample of the photos before any work."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from degrade.errors import NothingToDo, SettingsError
from degrade.images.files import Listing, find_files, no_images
from degrade.images.source_record import SourceRecord
from degrade.kernels.estimator_table import estimator_of
from degrade.kernels.spectral import MIN_SIDE
from degrade.noise.mining import NoiseSettings
from degrade.store.backend import local_path
from degrade.store.contents import Sources
from degrade.store.reader import Store, has_store, open_store
from degrade.store.schema import SOURCES, Domain
from pipelines.photos.previous_results import key_of, known_to
from pipelines.photos.reading import usable_photos
from pipelines.recipes.forecast import forecast
from pipelines.recipes.recipe import Recipe, stages_of
from pipelines.recipes.runner import RunOptions
from pipelines.recipes.sample import PhotoSample, measure, read_header, spread
from pipelines.recipes.stage_plans import Basis, StagePlan, State

HEADERS = 2000
"""Files whose header is read for their size; more are taken to be like these."""
CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory.high"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says what a container may take, by the versions of its control groups."""


@dataclass(frozen=True)
class RunPlan:
    """A recipe's stages in order, and what they share."""

    recipe: str
    files: int
    photos: int
    """How many of the files are expected to be usable."""
    sampled: int
    refused: tuple[tuple[str, str], ...]
    """The sample's refused photos, each with the reason."""
    threads: int
    stages: tuple[StagePlan, ...]
    seconds: float
    """The time of those stages that could be timed."""
    memory: int
    """Bytes of all workers together."""
    machine_memory: int
    disk: int
    free_disk: int | None
    """Where the store is or will be; None for one that is not on this machine."""
    lacking: tuple[str, ...] = ()
    """Files that cannot be read here, a line for each suffix with the remedy."""


def plan_run(recipe: Recipe, options: RunOptions, threads: int, sample: int = 12) -> RunPlan:
    """Foretell a run from a sample of its photos; nothing is written.

    Times are taken on this machine on one core and divided over ``threads`` by whole tasks;
    writing is reckoned for an SSD; starting the workers and a cluster's network are not in them.

    Raises:
        NothingToDo: A folder has no images, or none of the sampled ones can be used.
        SettingsError: A folder that the recipe needs is not named.
    """
    store = open_store(options.store) if has_store(options.store) else None
    folders = _folders(recipe, options, store)
    listings = {domain: _listing(folder) for domain, folder in folders.items()}
    names = {domain: listing.images for domain, listing in listings.items()}
    headers = {d: _headers(folder, names[d], recipe) for d, folder in folders.items()}
    measured = measure(folders["source"], spread(names["source"], sample), recipe, options.device)
    if not measured.usable:
        path, reason = measured.refused[0]
        raise NothingToDo(
            f"{folders['source']}: none of {measured.files} sampled images can be used, the first, "
            f"{path}, because it {reason}"
        )
    basis = _basis(recipe, options, threads, store, names, headers, measured)
    stages = plan_stages(basis)
    most = max(stage.memory or 0 for stage in stages)
    return RunPlan(
        recipe=recipe.name,
        files=sum(map(len, names.values())),
        photos=round(basis.counts.photos * basis.factor),
        sampled=measured.files,
        refused=measured.refused,
        threads=threads,
        stages=stages,
        seconds=sum(stage.seconds or 0 for stage in stages),
        memory=most * threads,
        machine_memory=machine_memory(),
        disk=sum(stage.disk for stage in stages if stage.state != "done"),
        free_disk=basis.counts.free_bytes if local_path(options.store) else None,
        lacking=tuple(line for listing in listings.values() for line in listing.lacks()),
    )


def plan_stages(basis: Basis) -> tuple[StagePlan, ...]:
    """Return the plans of a recipe's stages, in order."""
    basis = replace(basis, states=_states(basis), known=_known(basis))
    for stage, settings in basis.steps:
        planned = {**basis.planned, stage.name: stage.plan(basis, settings)}
        basis = replace(basis, planned=planned)
    return _charged(basis)


def _charged(basis: Basis) -> tuple[StagePlan, ...]:
    """Return the plans with the time that one stage spends for others put down to these."""
    seconds = {name: plan.seconds for name, plan in basis.planned.items()}
    for stage, settings in basis.steps:
        whole, others = seconds[stage.name], basis.serving(stage)
        if not whole or not sum(others.values()):
            continue
        own = stage.plan(replace(basis, alone=True), settings).seconds or 0.0
        seconds[stage.name] = own
        for name, wanted in others.items():
            before = seconds[name]
            if before is not None:
                seconds[name] = before + (whole - own) * wanted / sum(others.values())
    return tuple(replace(plan, seconds=seconds[name]) for name, plan in basis.planned.items())


def _states(basis: Basis) -> dict[str, State]:
    """Return how far the recipe's stages are that write into the store."""
    of_store = [(stage, settings) for stage, settings in basis.steps if stage.group]
    states = {stage.name: basis.state(stage, settings) for stage, settings in of_store}
    checking = of_store[0][0].name
    if states[checking] == "done" and basis.store:
        known = basis.store.sources()
        asked = basis.recipe.images.selection()
        unscored = asked.model_copy(update={"keep": known.selection.keep})
        same = known.selection == (asked if known.scores else unscored)
        names = basis.names.items()
        if not same or not all(_is_known(known, domain, listed) for domain, listed in names):
            states[checking] = "changed"
    return states


def _known(basis: Basis) -> dict[str, float]:
    """Return the share of the photos that each stage need not see again, as the store has it."""
    scanned = basis.found.get(SOURCES, {}).get("complete")
    if not basis.store or not scanned:
        return {}
    sources = basis.store.sources()
    if sources.policy != basis.recipe.images.decoding().model_dump(mode="json"):
        return {}
    listed = {domain: set(names) for domain, names in basis.names.items()}
    domains = [domain for domain in listed if len(sources.usable(domain))]
    photos = [
        photo
        for domain in domains
        for photo in usable_photos(sources, domain)
        if photo.path in listed[domain]
    ]
    expected = {"source": basis.source, "target": len(listed.get("target", ()))}
    found = {basis.steps[0][0].name: len(photos) / sum(map(len, listed.values()))}
    for stage, settings in basis.steps:
        measures = stage.measures(settings)
        wanted = [photo for photo in photos if photo.domain in measures]
        if not wanted:
            continue
        known = known_to(basis.options.store, stage.group_at(basis.recipe.scale))
        there = sum(key_of(photo, measures[photo.domain]) in known for photo in wanted)
        total = sum(expected[domain] for domain in measures)
        found[stage.name] = min(1.0, there / max(1, total))
    return found


def _is_known(sources: Sources, domain: Domain, listed: Sequence[str]) -> bool:
    """Return whether the store's check saw just the files that are there now, by name."""
    rows = sources.domain == domain
    read = sources.path[rows & (sources.sha256 != "")]
    return set(read) <= set(listed) <= set(sources.path[rows])


def _folders(recipe: Recipe, options: RunOptions, store: Store | None) -> dict[Domain, Path]:
    known: Mapping[Domain, str] = {}
    if store and store.stages().get(SOURCES, {}).get("complete"):
        known = store.sources().folders
    source = options.source or known.get("source")
    target = options.target or known.get("target")
    if source is None:
        raise SettingsError(
            f"SRC: {options.store} knows no photos yet; name a folder, as in "
            "`degrade plan RECIPE ./photos`"
        )
    if recipe.target and target is None:
        raise SettingsError(f"recipe {recipe.name} uses clean photos: name their folder (--target)")
    folders: dict[Domain, Path] = {"source": Path(source)}
    return folders | ({"target": Path(target)} if target else {})


def _listing(folder: Path) -> Listing:
    listing = find_files(folder)
    if not listing.images:
        raise NothingToDo(no_images(folder, listing))
    return listing


def _headers(folder: Path, names: Sequence[str], recipe: Recipe) -> list[SourceRecord]:
    return [read_header(folder, name, recipe.images) for name in spread(names, HEADERS)]


def _basis(
    recipe: Recipe,
    options: RunOptions,
    threads: int,
    store: Store | None,
    names: Mapping[Domain, Sequence[str]],
    headers: Mapping[Domain, Sequence[SourceRecord]],
    sample: PhotoSample,
) -> Basis:
    """Extrapolate sizes from the headers read, and the share that decodes from the sample."""
    sources, targets = headers["source"], headers.get("target", [])
    stages = recipe.stages
    kernels = stages.kernels
    side = estimator_of(kernels).min_side(kernels) if kernels else MIN_SIDE
    noise = stages.noise or NoiseSettings()
    counts = forecast(sources, targets, options.store, side, noise, stages.pairs)
    good = [record for record in sources if record.status == "ok"]
    share = sample.usable / sample.files * len(sources) / max(1, len(good))
    whole = sum(map(len, names.values())) / (len(sources) + len(targets))
    factor = min(1.0, share) * whole
    pixels = {d: sum(r.height * r.width for r in rows) * factor for d, rows in headers.items()}
    return Basis(
        recipe=recipe,
        options=options,
        steps=stages_of(recipe),
        names=names,
        threads=threads,
        store=store,
        found=store.stages() if store else {},
        sample=sample,
        counts=counts,
        factor=factor,
        source=round(len(good) * factor),
        source_pixels=pixels["source"],
        target_pixels=pixels.get("target", 0.0),
        largest=max(r.height * r.width for r in (*sources, *targets)),
    )


def machine_memory() -> int:
    """Return the bytes of memory that this process may take: the machine's, or its container's.

    Dask knows the same, but takes a second to load.
    """
    limits: list[int] = [psutil.virtual_memory().total]
    for path in CGROUPS:
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int(path.read_text()))
    return min(limits)
