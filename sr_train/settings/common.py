"""What settings of methods share: strictness, stages, every run's fields, GAN's and references'."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degrade.noise.model_names import DEFAULT_NOISE, MEANINGS, NoiseName
from degrade.scales import NETWORK_SCALES
from sr_train.settings.choices import FurtherLoss

SCALES = NETWORK_SCALES
"""Magnifications that the networks can be built for."""

LayerName = Annotated[str, Field(pattern=r"^(conv|relu)([12]_[12]|[345]_[1-4])$")]
Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
Milestones = tuple[Annotated[int, Field(ge=1)], ...]


class VggUse(NamedTuple):
    """What needs VGG19's weights, and what else can be done."""

    what: str
    otherwise: str


PERCEPTUAL = VggUse("the perceptual loss", "train without that loss with --no-perceptual")


Further = dict[FurtherLoss, Annotated[float, Field(gt=0)]]

FURTHER_TEXT = (
    "Further losses and their weights: ms-ssim, focal-frequency, ldl (what looks like an artifact; "
    "1 in its paper), dists (torchvision's VGG16, extra dists)."
)
LDL_CROP = 4
"""Smallest HR crop whose borders the window of the loss ldl reflects."""


class Settings(BaseModel):
    """Common strictness: unknown keys are refused, values never change, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StageSettings(Settings):
    """Length and learning-rate schedule of one stage, Adam throughout."""

    steps: int = Field(ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field(description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        description="Steps of this stage after which the rate is multiplied by gamma."
    )
    gamma: float = Field(0.5, gt=0, le=1, description="Factor on the rate at each milestone.")
    schedule: Literal["multistep", "cosine"] = Field(
        "multistep", description="multistep: by milestones; cosine: falls to final_rate instead."
    )
    periods: int = Field(1, ge=1, description="cosine: how often the rate starts anew.")
    final_rate: float = Field(1e-7, ge=0, description="cosine: the rate at the end of a period.")
    warm_up: int = Field(0, ge=0, description="First steps, over which the rate rises to its own.")

    def scaled_to(self, steps: int) -> Self:
        """Return the stage with ``steps`` steps, milestones and warm-up at the same fractions."""
        if not self.steps:
            return self
        milestones = tuple(max(1, m * steps // self.steps) for m in self.milestones)
        warm_up = self.warm_up * steps // self.steps
        changed = {"steps": steps, "milestones": milestones, "warm_up": warm_up}
        return self.model_copy(update=changed)


class ChosenStage(StageSettings):
    """A stage whose optimiser can be chosen."""

    optimiser: Literal["adam", "adamw", "schedule-free"] = Field(
        "adam",
        description="adamw: decay apart from the gradient; schedule-free: AdamW that averages "
        "weights itself, instead of ema, milestones and cosine (extra schedulefree).",
    )
    weight_decay: float = Field(0.0, ge=0, description="Of adamw and schedule-free.")

    @model_validator(mode="after")
    def _decay_is_used(self) -> Self:
        if self.weight_decay and self.optimiser == "adam":
            raise ValueError("weight_decay is for optimiser adamw or schedule-free: choose one")
        if self.optimiser == "schedule-free" and not self.betas[0]:
            raise ValueError("optimiser schedule-free needs a first beta above 0")
        return self


def averages(stage: StageSettings) -> bool:
    """Return whether a stage's optimiser averages weights itself."""
    return isinstance(stage, ChosenStage) and stage.optimiser == "schedule-free"


def check_further(further: Further, stage: StageSettings, ema: float, crop: int) -> None:
    """Refuse the loss ldl where there are no averaged weights whose SR it could look at."""
    if "ldl" not in further or not stage.steps:
        return
    if not ema or averages(stage):
        raise ValueError(
            "further.ldl compares with averaged weights in every step: set ema above 0, and "
            "optimiser adam or adamw"
        )
    if crop < LDL_CROP:
        raise ValueError(f"further.ldl needs a crop of at least {LDL_CROP}, not {crop}")


class TrainingSettings(Settings):
    """Fields of every method; a method adds its stages, in order, and what only it has."""

    crop: int = Field(128, ge=1, description="Side of the random HR crop in pixels.")
    batch: int = Field(16, ge=1, description="Crops per step.")
    flips: bool = Field(True, description="Random flips and transposition, each with p = 1/2.")
    noise: bool = Field(
        True,
        description="Inject a random patch of the noise bank into each LR; "
        "LR that a camera took has its own.",
    )
    noise_model: NoiseName = Field(DEFAULT_NOISE, description=f"{MEANINGS}.")
    degradation: Literal["auto", "stored", "on-the-fly"] = Field(
        "auto",
        description="stored: LR of the store; on-the-fly: made from HR crops with the store's "
        "kernels or cameras; auto: on the fly for pairs by a camera, else stored.",
    )
    random_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the crops whose LR is degraded at random instead: twice a blur, a "
        "resize, noise and JPEG (Real-ESRGAN's second order).",
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="Parts that a batch is learnt from, one after the other, for less memory.",
    )
    ema: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay of the averaged weights that are saved; 0 saves the last ones (RealSR).",
    )
    clip: float = Field(0, ge=0, description="Largest norm of a network's gradients; 0 = any.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: products of 16 bits; weights, losses and Adam keep 32."
    )
    compile: bool = Field(False, description="Compile the generator's blocks (torch.compile).")
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
        if not self.steps:
            names = [f"{name}.steps" for name in self.stages]
            what = " and ".join(names)
            verb = {1: "is", 2: "are both"}.get(len(names), "are all")
            raise ValueError(f"{what} {verb} 0: nothing to train")
        return self

    @model_validator(mode="after")
    def _parts_hold_something(self) -> Self:
        if self.accumulate > self.batch:
            raise ValueError(f"accumulate {self.accumulate} is more than batch {self.batch}")
        return self

    @property
    def stages(self) -> dict[str, StageSettings]:
        """The stages by field name, in the order in which they are declared and run."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in fields if isinstance(value, StageSettings)}

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages.values())

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """VGG19 layers that the losses need; none if no loss needs VGG19."""
        return ()

    @property
    def vgg_use(self) -> VggUse:
        """What they are for, and what can be done without them."""
        return PERCEPTUAL

    @property
    def uses_dists(self) -> bool:
        """Whether a loss needs DISTS' network."""
        return False

    def without_perceptual(self) -> Self:
        """Return these settings without a perceptual loss (``--no-perceptual``)."""
        return self

    def scaled_to(self, steps: int) -> Self:
        """Return these settings with ``steps`` steps in all (``--steps``).

        The stages keep their shares, at least one step each as far as ``steps`` goes (the last
        stages first), and the milestones their places.
        """
        active = {name: stage for name, stage in self.stages.items() if stage.steps}
        changed, left, weight = {}, steps, self.steps
        for place, (name, stage) in enumerate(active.items(), 1):
            most = left - (len(active) - place)
            share = max(0, min(max(round(left * stage.steps / weight), 1), most))
            changed[name] = stage.scaled_to(share)
            left, weight = left - share, weight - stage.steps
        return self.model_validate(self.model_copy(update=changed).model_dump())


REFERENCE_SCALE = 4
"""The only magnification that the published networks are built for."""


class ReferenceTraining(TrainingSettings):
    """CUFED's pictures of 160 pixels in batches of 9, LR made without noise; SRNTT's and TTSR's."""

    crop: int = Field(160, ge=1, description="Side of the random HR crop in pixels.")
    batch: int = Field(9, ge=1, description="Crops per step.")
    noise: bool = Field(False, description="Inject a random patch of the noise bank into each LR.")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the averaged weights that are saved; 0 saves the last ones (paper).",
    )
    references: int = Field(
        1,
        ge=1,
        le=16,
        description="References of each crop, drawn among those stored for its pair; "
        "the best ones in validation.",
    )
    unrelated: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the crops that get another pair's references, so that the network "
        "learns to do without good ones; the published trainings have none.",
    )

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        if self.accumulate > 1:
            raise ValueError("accumulate is for psnr, esrgan and srgan: lower batch instead")
        return self

    @property
    def vgg_use(self) -> VggUse:
        """What VGG19 is for; no option does without it."""
        return VggUse("matching textures", "fetch them with --download-vgg")


Layers = dict[LayerName, Annotated[float, Field(gt=0)]]

LAYERS_TEXT = "VGG19 layers and their weights: convN_M before ReLU, reluN_M after."


class LossWeights(Settings):
    """Weights in the generator's loss of the GAN stage."""

    pixel: float = Field(ge=0, description="Distance of pixels between SR and HR.")
    perceptual: float = Field(ge=0, description="Distance of VGG19 features; 0 needs no VGG.")
    adversarial: float = Field(ge=0, description="The discriminator's verdict.")


class AdversarialSettings(TrainingSettings):
    """A PSNR stage, then a GAN stage; a method gives the values."""

    psnr: StageSettings
    gan: StageSettings
    loss: LossWeights
    perceptual_layers: Layers

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if self.gan.steps and not any(self.loss.model_dump().values()):
            raise ValueError("loss.pixel, loss.perceptual and loss.adversarial are all 0")
        return self

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """VGG19 layers that the perceptual loss compares."""
        return tuple(self.perceptual_layers) if self.gan.steps and self.loss.perceptual else ()

    def without_perceptual(self) -> Self:
        """Return these settings with the perceptual weight 0 (``--no-perceptual``)."""
        loss = self.loss.model_copy(update={"perceptual": 0.0})
        return self.model_validate(self.model_copy(update={"loss": loss}).model_dump())
