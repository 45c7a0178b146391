"""Settings of a training run: frozen, strict, with the published values as defaults."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCALES = (1, 2, 3, 4, 8)
"""Magnifications that the networks can be built for."""

SMALLEST_CROP = 24
"""Smallest HR crop for which the patch discriminator returns a logit."""

LayerName = Annotated[str, Field(pattern=r"^(conv|relu)([12]_[12]|[345]_[1-4])$")]


Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
Milestones = tuple[Annotated[int, Field(ge=1)], ...]


class Settings(BaseModel):
    """Common strictness: unknown keys are refused, values never change, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkSettings(Settings):
    """Size of RRDBNet; the defaults are the published network (16.7 million parameters)."""

    features: int = Field(64, ge=1, description="Channels between the blocks (nf).")
    blocks: int = Field(23, ge=1, description="Residual-in-residual dense blocks (nb).")
    growth: int = Field(32, ge=1, description="Channels that each dense layer adds (gc).")


class StageSettings(Settings):
    """Length and learning-rate schedule of one stage, Adam throughout."""

    steps: int = Field(ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field(description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        description="Steps of this stage after which the rate is multiplied by gamma."
    )
    gamma: float = Field(0.5, gt=0, le=1, description="Factor on the rate at each milestone.")

    def scaled_to(self, steps: int) -> Self:
        """Return the stage with ``steps`` steps and its milestones at the same fractions."""
        if not self.steps:
            return self
        milestones = tuple(max(1, m * steps // self.steps) for m in self.milestones)
        return self.model_copy(update={"steps": steps, "milestones": milestones})


class PsnrStage(StageSettings):
    """First stage, L1 alone; the ESRGAN paper's schedule."""

    steps: int = Field(1_000_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(2e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.99), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (200_000, 400_000, 600_000, 800_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class GanStage(StageSettings):
    """Second stage, all three losses; RealSR's schedule."""

    steps: int = Field(60_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (5_000, 10_000, 20_000, 30_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class LossWeights(Settings):
    """Weights in the generator's loss of the GAN stage (ESRGAN's and RealSR's)."""

    pixel: float = Field(1e-2, ge=0, description="L1 between SR and HR.")
    perceptual: float = Field(1.0, ge=0, description="L1 between VGG19 features; 0 needs no VGG.")
    adversarial: float = Field(5e-3, ge=0, description="Relativistic average GAN term.")


class EsrganSettings(Settings):
    """ESRGAN as RealSR trains it.

    The PSNR stage has the ESRGAN paper's schedule, the GAN stage RealSR's
    (``train_kernel_noise.yml``), the averaged weights are BasicSR's.
    """

    network: NetworkSettings = Field(NetworkSettings(), description="Size of the generator.")
    crop: int = Field(128, ge=SMALLEST_CROP, description="Side of the random HR crop in pixels.")
    batch: int = Field(16, ge=1, description="Crops per step.")
    flips: bool = Field(True, description="Random flips and transposition, each with p = 1/2.")
    noise: bool = Field(True, description="Inject a random patch of the noise bank into each LR.")
    psnr: PsnrStage = Field(PsnrStage(), description="First stage: L1 alone.")
    gan: GanStage = Field(
        GanStage(),
        description="Second stage: all three losses; generator and discriminator share it.",
    )
    loss: LossWeights = Field(LossWeights(), description="Weights of the GAN stage's losses.")
    perceptual_layers: dict[LayerName, Annotated[float, Field(gt=0)]] = Field(
        {"conv5_4": 1.0},
        min_length=1,
        description="VGG19 layers and their weights: convN_M before ReLU, reluN_M after.",
    )
    ema: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay of the averaged weights that are saved; 0 saves the last ones (RealSR).",
    )
    seed: int = Field(0, ge=0, description="Seed of initial weights, crops, flips and noise.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if there.")
    threads: int = Field(
        0, ge=0, description="CPU threads, 0 = torch's choice; the last bits depend on it."
    )
    log_every: int = Field(100, ge=1, description="Steps between logged losses and their check.")
    save_every: int = Field(5_000, ge=1, description="Steps between checkpoints.")
    validate_every: int = Field(5_000, ge=1, description="Steps between validations.")
    validation_tiles: int = Field(8, ge=0, description="Pairs of the valid split that are scored.")

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.psnr.steps + self.gan.steps:
            raise ValueError("psnr.steps and gan.steps are both 0: nothing to train")
        if self.gan.steps and not any(self.loss.model_dump().values()):
            raise ValueError("loss.pixel, loss.perceptual and loss.adversarial are all 0")
        return self

    @property
    def needs_vgg(self) -> bool:
        """Whether a stage uses VGG19 features."""
        return self.gan.steps > 0 and self.loss.perceptual > 0

    def scaled_to(self, steps: int) -> Self:
        """Return these settings with ``steps`` steps in all (``--steps``).

        The stages keep their shares, at least one step each, and the milestones their places.
        """
        psnr = round(steps * self.psnr.steps / (self.psnr.steps + self.gan.steps))
        if self.psnr.steps and self.gan.steps:
            psnr = min(max(psnr, 1), steps - 1)
        stages = {"psnr": self.psnr.scaled_to(psnr), "gan": self.gan.scaled_to(steps - psnr)}
        return self.model_validate(self.model_copy(update=stages).model_dump())

    def without_perceptual(self) -> Self:
        """Return these settings with the perceptual weight 0 (``--no-perceptual``)."""
        loss = self.loss.model_copy(update={"perceptual": 0.0})
        return self.model_validate(self.model_copy(update={"loss": loss}).model_dump())
