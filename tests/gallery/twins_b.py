"""The second half of the gallery written by hand: a file's stem to its twin."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.gallery.twin import Twin, rand
from yamlnet.catalog.vision import import_torchvision

torchvision = import_torchvision()

from torchvision.models.densenet import _DenseBlock  # noqa: E402
from torchvision.models.googlenet import Inception  # noqa: E402
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig  # noqa: E402


def double_conv(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class Up(nn.Module):
    """Doubles the size of `x` and joins it with the same level on the way down."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.conv = double_conv(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.conv(torch.cat([self.up(x), skip], dim=1))
        return out


class UNet(nn.Module):
    """Two classes for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = double_conv(1, 8)
        self.pool1 = nn.MaxPool2d(2)
        self.enc2 = double_conv(8, 16)
        self.pool2 = nn.MaxPool2d(2)
        self.bottom = double_conv(16, 32)
        self.dec2 = Up(32, 16)
        self.dec1 = Up(16, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        enc1 = self.enc1(x)
        enc2 = self.enc2(self.pool1(enc1))
        bottom = self.bottom(self.pool2(enc2))
        out: Tensor = self.head(self.dec1(self.dec2(bottom, enc2), enc1))
        return out


class Siamese(nn.Module):
    """How alike two images are, from -1 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(288, 16)
        )

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return F.cosine_similarity(self.encoder(left), self.encoder(right))


class Triplet(nn.Module):
    """The embeddings of an anchor, of one like it, and of one unlike it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 8))

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.embed(anchor), self.embed(positive), self.embed(negative)


class SelfAttention(nn.Module):
    """One of three classes for a sentence, by attention among its words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        attended, _ = self.attention(x, x, x)
        out: Tensor = self.head(self.norm(x + attended).mean(dim=1))
        return out


class Transformer(nn.Module):
    """One of three classes for a sentence, by a stack of encoder layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True) for _ in range(3))
        )
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.norm(self.layers(self.embedding(ids))).mean(dim=1))
        return out


class LSTMClassifier(nn.Module):
    """One of four classes for a sentence, by the last layer's last hidden state."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.lstm = nn.LSTM(16, 24, num_layers=2, dropout=0.1, batch_first=True)
        self.head = nn.Linear(24, 4)

    def forward(self, ids: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(self.embedding(ids))
        out: Tensor = self.head(hidden[-1])
        return out


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what all channels hold on average."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.gate(self.fc2(self.relu(self.fc1(self.pool(x)))))
        return out


def depthwise_separable(in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            depthwise=nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False),
            bn1=nn.BatchNorm2d(in_channels),
            relu1=nn.ReLU6(),
            se=SqueezeExcitation(in_channels),
            pointwise=nn.Conv2d(in_channels, channels, 1, bias=False),
            bn2=nn.BatchNorm2d(channels),
            relu2=nn.ReLU6(),
        )
    )


def mobilenet() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 8, 3, stride=2, padding=1),
            block1=depthwise_separable(8, 16),
            block2=depthwise_separable(16, 32, stride=2),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(32, 10),
        )
    )


class Branches(nn.ModuleList):
    """The results of all members for one input, joined along the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], dim=1)


class PoolsAndNorms(nn.Module):
    """A sequence, an image and a volume, each through every pooling for it, and the norms."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sequence = nn.Sequential(
            nn.Conv1d(4, 8, 3, padding="same"),
            nn.BatchNorm1d(8),
            Branches(
                [
                    nn.MaxPool1d(2),
                    nn.AvgPool1d(2),
                    nn.LPPool1d(2, 2),
                    nn.AdaptiveAvgPool1d(8),
                    nn.AdaptiveMaxPool1d(8),
                ]
            ),
            nn.Conv1d(40, 8, 3, padding="valid"),
            nn.InstanceNorm1d(8, affine=True),
            nn.RMSNorm(6),
            nn.Flatten(),
        )
        self.on_image = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding="same"),
            nn.BatchNorm2d(8),
            nn.LocalResponseNorm(3),
            Branches(
                [
                    nn.MaxPool2d(2),
                    nn.AvgPool2d(2),
                    nn.LPPool2d(2, 2),
                    nn.AdaptiveAvgPool2d(6),
                    nn.AdaptiveMaxPool2d(6),
                    nn.FractionalMaxPool2d(2, output_size=6),
                ]
            ),
            nn.GroupNorm(6, 48),
            nn.Conv2d(48, 8, 3, padding="valid"),
            nn.InstanceNorm2d(8),
            nn.LayerNorm([8, 4, 4]),
            nn.Flatten(),
        )
        self.on_volume = nn.Sequential(
            nn.Conv3d(2, 4, 3, padding="same"),
            nn.BatchNorm3d(4),
            Branches(
                [
                    nn.MaxPool3d(2),
                    nn.AvgPool3d(2),
                    nn.LPPool3d(2, 2),
                    nn.AdaptiveAvgPool3d(4),
                    nn.AdaptiveMaxPool3d(4),
                    nn.FractionalMaxPool3d(2, output_size=4),
                ]
            ),
            nn.Conv3d(24, 4, 3, padding="valid"),
            nn.InstanceNorm3d(4),
            nn.Flatten(),
        )
        self.head = nn.Linear(48 + 128 + 32, 5)

    def forward(self, sequence: Tensor, image: Tensor, volume: Tensor) -> Tensor:
        parts = [self.on_sequence(sequence), self.on_image(image), self.on_volume(volume)]
        out: Tensor = self.head(torch.cat(parts, dim=1))
        return out


def activations() -> nn.Sequential:
    members = [
        nn.CELU(),
        nn.ELU(),
        nn.GELU(),
        nn.GLU(dim=1),
        nn.Hardshrink(),
        nn.Hardsigmoid(),
        nn.Hardswish(),
        nn.Hardtanh(),
        nn.LeakyReLU(),
        nn.LogSigmoid(),
        nn.LogSoftmax(dim=1),
        nn.Mish(),
        nn.PReLU(),
        nn.ReLU(),
        nn.ReLU6(),
        nn.RReLU(),
        nn.SELU(),
        nn.SiLU(),
        nn.Sigmoid(),
        nn.Softmax(dim=1),
        nn.Softmax2d(),
        nn.Softmin(dim=1),
        nn.Softplus(),
        nn.Softshrink(),
        nn.Softsign(),
        nn.Tanh(),
        nn.Tanhshrink(),
        nn.Threshold(threshold=0.1, value=-1),
    ]
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3),
            activations=Branches(members),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(27 * 4 + 2, 5),  # GLU halves its four channels
        )
    )


def edited_resnet() -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(weights=None)
    model.fc = nn.Linear(512, 10)
    for name in ("layer1", "layer2", "layer3", "layer4"):
        layer = nn.Sequential()
        for position, block in model.get_submodule(name).named_children():
            layer.add_module(position, block)
            layer.add_module(f"drop{position}", nn.Dropout(0.1))
        setattr(model, name, layer)
    model.layer1.requires_grad_(False)
    model.layer2.requires_grad_(False)
    return model


class VAE(nn.Module):
    """An image, the normal distribution that it was drawn from, and how far that is from the standard one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU())
        self.mu = nn.Linear(64, 8)
        self.logvar = nn.Linear(64, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.encoder(x)
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar), dim=1)
        return {"image": self.decoder(z), "mu": mu, "logvar": logvar, "kl": kl}


class ViT(nn.Module):
    """One of ten classes for an image of 4 x 4 patches, by its class token."""

    def __init__(self) -> None:
        super().__init__()
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, 32))
        self.position = nn.Parameter(0.02 * torch.randn(1, 17, 32))
        self.patches = nn.Conv2d(3, 32, kernel_size=4, stride=4)
        layer = partial(nn.TransformerEncoderLayer, 32, 4, 128, activation="gelu", norm_first=True)
        self.encoder = nn.Sequential(*(layer(batch_first=True) for _ in range(2)))
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.size(0), -1, -1), tokens], dim=1)
        out: Tensor = self.head(self.norm(self.encoder(x + self.position))[:, 0])
        return out


def dense_block() -> nn.Module:
    block: nn.Module = _DenseBlock(num_layers=4, num_input_features=16, bn_size=4, growth_rate=8, drop_rate=0)
    return block


def mobilenetv3() -> nn.Sequential:
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    configs = {
        "narrow": InvertedResidualConfig(16, 3, 32, 16, True, "HS", stride=1, dilation=1, width_mult=1),
        "wide": InvertedResidualConfig(16, 5, 64, 16, True, "HS", stride=1, dilation=1, width_mult=1),
    }
    return nn.Sequential(
        OrderedDict((name, InvertedResidual(config, norm)) for name, config in configs.items())
    )


def inception() -> nn.Module:
    block: nn.Module = Inception(16, ch1x1=8, ch3x3red=6, ch3x3=12, ch5x5red=4, ch5x5=8, pool_proj=8)
    return block


def resnet() -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


def ids(*shape: int, number: int = 1) -> Callable[[int], tuple[Tensor, ...]]:
    """So many inputs of ids below 100, each of this shape without the batch."""
    return lambda batch: tuple(torch.randint(100, (batch, *shape)) for _ in range(number))


def image_pair(batch: int) -> tuple[Tensor, ...]:
    return torch.rand(batch, 1, 28, 28), torch.rand(batch, 1, 28, 28)


def sequence_image_volume(batch: int) -> tuple[Tensor, ...]:
    return torch.rand(batch, 4, 16), torch.rand(batch, 4, 12, 12), torch.rand(batch, 2, 8, 8, 8)


TWINS: dict[str, Twin] = {
    "16_resnet": Twin(resnet, rand(3, 64, 64), by_hand=False),
    "17_unet": Twin(UNet, rand(1, 32, 32)),
    "18a_siamese": Twin(Siamese, image_pair),
    "18b_triplet": Twin(Triplet, ids(number=3)),
    "19a_self_attention": Twin(SelfAttention, ids(12)),
    "19b_transformer_encoder": Twin(Transformer, ids(12)),
    "20_lstm": Twin(LSTMClassifier, ids(12)),
    "21_mobilenet": Twin(mobilenet, rand(3, 32, 32)),
    "22_pools_and_norms": Twin(
        PoolsAndNorms, sequence_image_volume, static="FractionalMaxPool3d counts its batch in Python"
    ),
    "23_activations": Twin(activations, rand(3, 8, 8)),
    "24_edited_resnet": Twin(edited_resnet, rand(3, 64, 64)),
    "25_vae": Twin(VAE, rand(784)),
    "26_vit": Twin(ViT, rand(3, 16, 16)),
    "27a_dense_block": Twin(dense_block, rand(16, 8, 8)),
    "27b_dense_block_repeat": Twin(dense_block, rand(16, 8, 8)),
    "28a_mobilenetv3": Twin(mobilenetv3, rand(16, 14, 14), by_hand=False),
    "28b_inception": Twin(inception, rand(16, 12, 12), by_hand=False),
}
