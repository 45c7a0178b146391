"""Inputs of stages: hashes of what each was made from, and whether the store still holds it."""

import hashlib
import json
from collections.abc import Collection, Mapping

import numpy as np

from degrade.pairs import PairSettings
from degrade.store.contents import Sources
from degrade.store.reader import Store, check_current
from degrade.store.schema import Domain, lens_group, pairs_group

IMPORT_PAIRS = "import-pairs"
"""Stage of pairs that were brought in folders, not made of photos here."""


def photos_digest(sources: Sources, domain: Domain) -> str:
    """Return a hash of the usable photos of one domain: paths, contents and decoding policy."""
    rows = sources.usable(domain)
    listing = [[str(sources.path[row]), str(sources.sha256[row])] for row in rows]
    return hashlib.sha256(json.dumps([sources.policy, listing]).encode()).hexdigest()


def _near_duplicates(sources: Sources, domains: Collection[Domain]) -> dict[str, str]:
    """Return a hash of which photos show the same, if any do: they share a side of the split."""
    groups: dict[int, list[str]] = {}
    for row in np.concatenate([sources.usable(domain) for domain in domains]):
        groups.setdefault(int(sources.group[row]), []).append(str(sources.sha256[row]))
    several = sorted(sorted(g) for lead, g in groups.items() if lead >= 0 and len(g) > 1)
    if not several:
        return {}
    return {"near duplicates": hashlib.sha256(json.dumps(several).encode()).hexdigest()}


def pair_domains(sources: Sources, settings: PairSettings) -> list[Domain]:
    """Return the domains whose photos become pairs.

    A camera needs nothing of the photos that it photographs: clean ones alone serve it as HR.
    """
    if settings.degradation == "camera" and settings.use_target and "target" in sources.folders:
        return ["target"]
    return [d for d in sources.folders if d == "source" or settings.use_target]


def pair_inputs(store: Store, settings: PairSettings) -> dict[str, str]:
    """Return a hash of each thing that pairs are made from, by its name.

    Raises:
        StoreError: A stage that they need was never run.
    """
    sources = store.sources()
    domains = pair_domains(sources, settings)
    inputs = {f"{d} photos": photos_digest(sources, d) for d in domains}
    inputs |= _near_duplicates(sources, domains)
    if settings.degradation == "camera":
        return {**inputs, "camera": store.camera().content}
    if settings.kernels == "estimated":
        inputs["kernels"] = store.kernels(settings.scale).content
    if settings.kernels == "lens":
        inputs["lens"] = store.lens(settings.scale).content
        check_current(store, lens_group(settings.scale), lens_inputs(store, settings.scale))
    if settings.bake_noise:
        inputs["noise"] = store.noise().content
    return inputs


def lens_inputs(store: Store, scale: int) -> dict[str, str]:
    """Return a hash of each thing that a lens is measured from, by its name.

    Raises:
        StoreError: There are no kernels.
    """
    photos = photos_digest(store.sources(), "source")
    return {"photos": photos, "kernels": store.kernels(scale).content}


def check_pairs_current(store: Store, scale: int) -> None:
    """Refuse pairs whose photos, kernels or noise are no longer what they were made from.

    Raises:
        StoreError: They are others; the text names them.
    """
    group = pairs_group(scale)
    stage = store.stages()[group]
    inputs: Mapping[str, str]
    if stage["stage"] == IMPORT_PAIRS:
        # Their LR is in no other stage; whether its files changed, only `degrade import` can see.
        inputs = {**stage["inputs"], "photos": store.sources().content}
    else:
        inputs = pair_inputs(store, PairSettings(**stage["parameters"]))
    check_current(store, group, inputs)


def check_measured_on_photos(store: Store, group: str) -> None:
    """Refuse what was measured on other photos than the store holds now.

    Raises:
        StoreError: It was; what was imported was not measured here.
    """
    inputs = store.stages()[group]["inputs"]
    if "photos" in inputs:
        digest = photos_digest(store.sources(), "source")
        check_current(store, group, {**inputs, "photos": digest})
