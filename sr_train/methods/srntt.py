"""SRNTT: the content extractor, then the texture transfer with L1, then with all its losses.

Zhang et al. 2019, *Image Super-Resolution by Neural Texture Transfer*, and the released code, which
learns from each batch twice: with the textures swapped in from the references, and with HR's own.
Pixels are compared, and shown to the critic, in [-1, 1].
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam

from degrade.errors import SettingsError
from sr_train.data.batch import Batch, textures_to_learn
from sr_train.losses.adversarial import wasserstein_generator_loss
from sr_train.losses.perceptual import FrozenNetworks, perceptual
from sr_train.losses.pixel import l1, pixel_loss
from sr_train.losses.texture import texture
from sr_train.networks.vgg19 import VggFeatures
from sr_train.reference.srntt import SRNTT, SwappedMaps
from sr_train.reference.texture_discriminator import TextureDiscriminator
from sr_train.settings.common import StageSettings
from sr_train.settings.srntt import SrnttSettings
from sr_train.training.critic import add_critic, train_critic
from sr_train.training.loop import Step, TrainingStage
from sr_train.training.optimisers import start_average
from sr_train.training.stages import initial, update
from sr_train.training.training_run import Method

PERCEPTUAL_LAYERS = {"relu5_1": 1.0}


def build_generator(settings: SrnttSettings, scale: int) -> SRNTT:
    """Return the network that all stages train, each a part of it."""
    return SRNTT(scale, **settings.network.model_dump())


def build_critic(settings: SrnttSettings) -> TextureDiscriminator:
    """Return the network that the third stage trains against."""
    return TextureDiscriminator(settings.crop, norm=1)


def start(generator: SRNTT, vgg: VggFeatures) -> None:
    """Give the network the VGG19 that it matches in."""
    generator.vgg.start_from(vgg)


def content_stage(
    settings: SrnttSettings, generator: SRNTT, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the first stage: the content extractor, without references."""
    generator.transfer_textures(False)
    adam = _adam(generator.content, settings.content)

    def step(batch: Batch) -> dict[str, Tensor]:
        sr, hr = _signed(generator(batch.lr), batch.hr)
        loss = pixel_loss(sr, hr, settings.content_loss)
        update(adam, loss)
        return {"content": loss.detach()}

    return _stage("content", settings, settings.content, step, generator, adam)


def reconstruction_stage(
    settings: SrnttSettings, generator: SRNTT, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the second stage: the texture transfer with L1 alone."""
    _begin_transfer(settings, generator)
    adam = _adam(generator.texture, settings.reconstruction)

    def step(batch: Batch) -> dict[str, Tensor]:
        _check_content(stage)
        found = {}
        for source in _texture_sources(settings, generator, batch):
            loss = l1(*_signed(generator.enlarge(batch.lr, source.textures), batch.hr))
            update(adam, loss)
            found[f"reconstruction{source.name}"] = loss.detach()
        return found

    stage = _stage("reconstruction", settings, settings.reconstruction, step, generator, adam)
    return stage


def all_stage(settings: SrnttSettings, generator: SRNTT, frozen: FrozenNetworks) -> TrainingStage:
    """Return the third stage: L1, perceptual, texture and WGAN-GP.

    With each the critic takes its steps first, on the SR that the generator then learns from.
    """
    _begin_transfer(settings, generator)
    adam = _adam(generator.texture, settings.all)
    weights = settings.loss
    critic = initial(build_critic, settings, generator) if weights.adversarial else None

    def losses(sr: Tensor, hr: Tensor, source: TextureSource) -> dict[str, Tensor]:
        textures = source.textures
        fake, real = _signed(sr, hr)
        found = {"reconstruction": l1(fake, real)}
        if weights.perceptual and frozen.vgg is not None:
            found["perceptual"] = perceptual(frozen.vgg, sr, hr, PERCEPTUAL_LAYERS, "mse")
        if weights.texture:
            similarity, weighting = textures.similarity, settings.texture_weighting
            own = generator.features(sr)
            wanted = textures_to_learn(own, textures.maps, source.related)
            found["texture"] = texture(own, wanted, similarity, weighting)
        if critic is not None:
            found["adversarial"] = wasserstein_generator_loss(critic(fake))
        return found

    def step(batch: Batch) -> dict[str, Tensor]:
        _check_content(stage)
        shown = {}
        for number, source in enumerate(_texture_sources(settings, generator, batch)):
            sr = generator.enlarge(batch.lr, source.textures)
            if critic is not None:
                loss = train_critic(stage, settings, *_signed(sr, batch.hr), number)
                shown[f"discriminator{source.name}"] = loss
            found = losses(sr, batch.hr, source)
            update(adam, torch.stack([getattr(weights, key) * found[key] for key in found]).sum())
            shown |= {f"{key}{source.name}": loss.detach() for key, loss in found.items()}
        return shown

    stage = _stage("all", settings, settings.all, step, generator, adam)
    if critic is not None:
        add_critic(stage, critic, settings, settings.all)
    return stage


def _begin_transfer(settings: SrnttSettings, generator: SRNTT) -> None:
    """Freeze the content extractor; a texture transfer that is new may start as its picture."""
    if settings.start_from_content and not generator.texture.is_trained:
        generator.texture.start_from(generator.content)
    generator.transfer_textures(True)


class TextureSource(NamedTuple):
    """Textures, which of them are their crops' own, and the suffix of their losses' names."""

    textures: SwappedMaps
    related: Tensor | None = None
    name: str = ""


def _texture_sources(
    settings: SrnttSettings, generator: SRNTT, batch: Batch
) -> Iterator[TextureSource]:
    """Yield the textures that a batch is learnt with, one after the other."""
    assert batch.references is not None
    yield TextureSource(generator.swapped(batch.lr, batch.references), batch.related)
    if settings.truth:
        yield TextureSource(generator.own_maps(batch.hr), name="_truth")


def _check_content(stage: TrainingStage) -> None:
    """Refuse to begin a run on a content extractor that has learnt nothing."""
    generator = stage.live
    assert isinstance(generator, SRNTT)
    if not stage.before + stage.done and not generator.content.is_trained:
        raise SettingsError(
            "content.steps is 0 and the content extractor is untrained: give the weights of an "
            "earlier run's content stage with --init weights_content.safetensors, or train it"
        )


def _signed(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures in [0, 1] in [-1, 1]."""
    return 2 * sr.float() - 1, 2 * hr - 1


def _adam(network: nn.Module, stage: StageSettings) -> Adam:
    return Adam(network.parameters(), lr=stage.learning_rate, betas=stage.betas)


def _stage(
    name: str,
    settings: SrnttSettings,
    stage: StageSettings,
    step: Step,
    generator: SRNTT,
    adam: Adam,
) -> TrainingStage:
    average = start_average(generator, settings.ema)
    return TrainingStage(
        name=name,
        settings=stage,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average},
        optimisers={"generator": adam},
    )


METHOD = Method(
    build_generator,
    {"content": content_stage, "reconstruction": reconstruction_stage, "all": all_stage},
    start=start,
)
