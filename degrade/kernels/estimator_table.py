"""The table of kernel estimators; the first is the default."""

from degrade.kernels.estimator import Estimator
from degrade.kernels.estimator_settings import EstimatorSettings
from degrade.kernels.estimators.kernelgan import COMBINED, KERNELGAN
from degrade.kernels.estimators.spectral import SPECTRAL

ESTIMATORS: tuple[Estimator, ...] = (
    SPECTRAL,
    KERNELGAN,
    COMBINED,
)


def estimator_of(settings: EstimatorSettings) -> Estimator:
    """Return the estimator that settings are for."""
    return next(one for one in ESTIMATORS if one.name == settings.estimator)
