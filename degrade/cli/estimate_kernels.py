"""`degrade estimate-kernels`: the blur kernel of each photo."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from degrade.cli import options
from degrade.cli.from_settings import KERNELGAN, SETTINGS, SPECTRAL, of

if TYPE_CHECKING:
    from pipelines.stages.estimate_kernels import KernelsReport


def of_gan(field: str) -> Any:
    """Return an option of KernelGAN, which a command that leaves it out does not ask for."""
    return of(KERNELGAN, field, whose="KernelGAN", left_out="{}")


def estimate_kernels(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: Annotated[int, of(SPECTRAL, "scale")] = SETTINGS,
    estimator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="spectral, kernelgan or combined; left out: the first that has all options given.",
        ),
    ] = None,
    pool: Annotated[
        Literal["none", "shrink", "single"] | None,
        of(SPECTRAL, "pool", whose="Spectral", left_out="{}"),
    ] = None,
    group: Annotated[
        Literal["auto", "exif", "folder", "estimates", "none"] | None,
        of(SPECTRAL, "group", left_out="{}"),
    ] = None,
    iterations: Annotated[int | None, of_gan("iterations")] = None,
    restarts: Annotated[int | None, of_gan("restarts")] = None,
    tolerance: Annotated[float | None, of_gan("tolerance")] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"] | None,
        of_gan("precision"),
    ] = None,
    lanes: Annotated[int | None, of_gan("lanes")] = None,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="KernelGAN: train as the published code does.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="KernelGAN: seed; the spectral estimate has none.")
    ] = None,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Estimate the blur kernel of every photo, from its spectrum, with KernelGAN, or from both.

    The same folder, seed and options give the same kernels on the same type of machine, however
    many workers share the work and however often it was interrupted: KernelGAN's batches of --lanes
    estimates follow from the order of the photos in the folder alone. Adding or removing photos, or
    other --lanes, may change the rounding of a photo's products on a GPU, and a GAN amplifies it.

    KernelGAN multiplies in bfloat16 where the processor can, and finishes a kernel that no longer
    changes; --as-published does neither. --device cuda uses the first GPU that a worker sees: start
    one Dask worker per GPU, each with its own CUDA_VISIBLE_DEVICES, and name their --scheduler.

    Example: degrade estimate-kernels ./dped --scale 4 --workers 2
    """
    from degrade.errors import NothingToDo, SettingsError
    from degrade.kernels.estimator_settings import settings_model, with_estimator
    from degrade.kernels.estimator_table import ESTIMATORS
    from degrade.yaml_settings import validated
    from pipelines.stages.check import use_sources
    from pipelines.stages.estimate_kernels import estimate_kernels as estimate

    names = [one.name for one in ESTIMATORS]
    if estimator is not None and estimator not in names:
        raise typer.BadParameter(
            f"{estimator!r} is not one of {', '.join(map(repr, names))}.",
            param_hint="'--estimator'",
        )
    given = {
        "estimator": estimator,
        "pool": pool,
        "group": group,
        "iterations": iterations,
        "restarts": restarts,
        "tolerance": tolerance,
        "precision": precision,
        "lanes": lanes,
        "as_published": as_published or None,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    fields = with_estimator({"scale": scale, **chosen})
    if seed is not None and fields["estimator"] == "spectral":
        raise SettingsError(
            "--seed: the spectral estimator draws nothing at random; leave it out, or pass "
            "--estimator kernelgan"
        )
    name = f"estimate-kernels --estimator {fields['estimator']}"
    settings = validated(settings_model(fields), fields, name)
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, overwrite=overwrite)
        report = estimate(store, client, settings, device=device, overwrite=overwrite)
    chosen_by = "" if estimator else _why(given, fields["estimator"])
    lines = [
        f"kernels x{scale} by {fields['estimator']}{chosen_by}: {report.accepted} of "
        f"{report.kernels} accepted, "
        f"mean score {report.mean_score:.2f}, median sigmas {report.sigma_major:.2f} and "
        f"{report.sigma_minor:.2f} pixels"
    ]
    lines += _groups(report)
    lines += options.refusals(report.refused)
    answer = {"estimator": fields["estimator"], **asdict(report)}
    options.answer(answer, "\n".join(lines), json)
    if not report.accepted:
        photo, reason = report.refused[0]
        raise NothingToDo(
            f"none of {report.kernels} kernels was accepted, the first, of {photo}, because: "
            f"{reason}; estimate them from other photos, or build pairs with --kernels bicubic"
        )


def _groups(report: "KernelsReport") -> list[str]:
    """Write a line for each camera, where the photos are of several."""
    return [
        options.on_one_line(
            f"  by {report.grouped_by}, {one.name}: {one.accepted} of {one.photos} photos, "
            f"median sigmas {one.sigma_major:.2f} and {one.sigma_minor:.2f} pixels"
        )
        for one in report.groups
    ]


def _why(given: dict[str, Any], estimator: str) -> str:
    """Name the options that chose an estimator other than the first, "" where none did."""
    from degrade.kernels.estimator_table import ESTIMATORS

    first = ESTIMATORS[0]
    asking = [f for f, v in given.items() if v is not None and f not in first.settings.model_fields]
    if estimator == first.name or not asking:
        return ""
    return f" (chosen by --{asking[0].replace('_', '-')})"
