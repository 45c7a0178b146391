"""Settings of methods with a GAN stage: loss weights, and the VGG19 layers they need."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sr_train.settings.common import LayerName, Settings, StageSettings, TrainingSettings

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
