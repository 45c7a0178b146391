"""Options that take their help and default from a settings model, when their verb is called.

Models are named by address, so that a verb loads those of its own options and no others.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

SETTINGS: Any = None
"""Stands for the default of an option that is `of` a settings model."""

NOISE = "degrade.noise.mining:NoiseSettings"
CHECK = "degrade.images.policy:CheckPolicy"
PAIRS = "degrade.pairs:PairSettings"
REFERENCES = "degrade.references:ReferenceSettings"
CAMERA = "degrade.camera.search_settings:CameraSettings"
LENS = "degrade.kernels.lens_settings:LensSettings"
SPECTRAL = "degrade.kernels.estimator_settings:SpectralSettings"
KERNELGAN = "degrade.kernels.estimator_settings:KernelSettings"


@dataclass(frozen=True)
class _Origin:
    """The field that an option is of, whose it is, and what it means to leave it out."""

    model: str
    field: str
    whose: str
    left_out: str

    def read(self) -> FieldInfo:
        module, name = self.model.split(":")
        found: FieldInfo = getattr(import_module(module), name).model_fields[self.field]
        return found


_ORIGINS: dict[str, _Origin] = {}
"""Where each option comes from, by the text that it has in place of its help."""


def of(model: str, field: str, *, whose: str = "", left_out: str = "", **more: Any) -> Any:
    """Return an option with the help and default of a settings model's field.

    Args:
        model: ``module:Model``.
        field: Of it.
        whose: What the option is for, if not for all that the verb does.
        left_out: What it means to leave the option out, which then is None: ``{}`` stands for the
            field's default. Empty: the option's default is the field's.
        more: Such as ``min``, for typer.Option.
    """
    origin = _Origin(model, field, whose, left_out)
    _ORIGINS[str(origin)] = origin
    return typer.Option(help=str(origin), **more)


class SettingsCommand(TyperCommand):
    """A verb with options that are `of` settings models."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, with help and defaults filled in."""
        for parameter in self.params:
            origin = _ORIGINS.get(getattr(parameter, "help", None) or "")
            if origin is not None:
                _fill(parameter, origin)
        return super().get_params(ctx)


def _fill(parameter: Any, origin: _Origin) -> None:
    found = origin.read()
    default, text = found.get_default(), found.description or ""
    text = f"{origin.whose}: {text[:1].lower()}" if origin.whose else text[:1].upper()
    text += (found.description or "")[1:]
    parameter.help = text if text.endswith(".") else f"{text}."
    if origin.left_out:
        parameter.help += f" Left out: {origin.left_out.format(default)}."
    else:
        parameter.default = default
