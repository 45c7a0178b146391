"""RRDBNet as ncnn's two files, the way its converter writes them."""

from pathlib import Path

import numpy as np

from sr_train.networks.rrdbnet import RRDBNet
from sr_train.weights.ncnn_reader import HALF, MAGIC

LEAKY = " 9=2 -23310=1,2.000000e-01"


class Writer:
    """Collects layers; a blob that several layers read is split at the end, as ncnn wants it."""

    def __init__(self, network: RRDBNet, half: bool) -> None:
        self.state = network.state_dict()
        self.half = half
        self.lines: list[tuple[str, list[str], str, str]] = [("Input", [], "data", "")]
        self.numbers = b""

    def add(self, kind: str, inputs: list[str], settings: str = "") -> str:
        name = f"b{len(self.lines)}"
        self.lines.append((kind, inputs, name, settings))
        return name

    def conv(self, name: str, blob: str, leaky: bool) -> str:
        weight = self.state[f"{name}.weight"].numpy()
        if self.half:
            data = weight.astype("<f2").tobytes()
            self.numbers += HALF.to_bytes(4, "little") + data + b"\0" * (-len(data) % 4)
        else:
            self.numbers += bytes(4) + weight.astype("<f4").tobytes()
        self.numbers += self.state[f"{name}.bias"].numpy().astype("<f4").tobytes()
        sizes = f"0={len(weight)} 1=3 4=1 5=1 6={weight.size}"
        return self.add("Convolution", [blob], sizes + (LEAKY if leaky else ""))

    def residual(self, branch: str, straight: str) -> str:
        return self.add("Eltwise", [branch, straight], "0=1 -23301=2,2.000000e-01,1.000000e+00")

    def text(self) -> str:
        readers: dict[str, int] = {}
        for _, inputs, _, _ in self.lines:
            for blob in inputs:
                readers[blob] = readers.get(blob, 0) + 1
        taken: dict[str, int] = {}
        shown, blobs = [], 0
        for number, (kind, inputs, name, settings) in enumerate(self.lines):
            given = []
            for blob in inputs:
                if readers[blob] > 1:
                    given.append(f"{blob}_{taken.setdefault(blob, 0)}")
                    taken[blob] += 1
                else:
                    given.append(blob)
            last = number == len(self.lines) - 1
            out = "output" if last else name
            shown.append(f"{kind} l{number} {len(given)} 1 {' '.join([*given, out])} {settings}")
            blobs += 1
            if (count := readers.get(name, 0)) > 1:
                copies = " ".join(f"{name}_{i}" for i in range(count))
                shown.append(f"Split s{number} 1 {count} {name} {copies}")
                blobs += count
        return "\n".join([MAGIC, f"{len(shown)} {blobs}", *shown]) + "\n"


def write_ncnn(network: RRDBNet, param: Path, half: bool = True) -> Path:
    """Write an RRDBNet without pixel-unshuffle, and return the ``.param``."""
    out = Writer(network, half)
    first = x = out.conv("conv_first", "data", leaky=False)
    for i in range(network.blocks):
        block = x
        for j in (1, 2, 3):
            known = [x]
            for k in range(1, 5):
                blob = known[0] if k == 1 else out.add("Concat", list(known))
                known.append(out.conv(f"body.{i}.rdb{j}.conv{k}", blob, leaky=True))
            last = out.conv(f"body.{i}.rdb{j}.conv5", out.add("Concat", known), leaky=False)
            x = out.residual(last, x)
        x = out.residual(x, block)
    x = out.add("BinaryOp", [first, out.conv("conv_body", x, leaky=False)], "0=0")
    for number, _ in enumerate(network.enlargements, 1):
        x = out.add("Interp", [x], "0=1 1=2.0 2=2.0")
        x = out.conv(f"conv_up{number}", x, leaky=True)
    out.conv("conv_last", out.conv("conv_hr", x, leaky=True), leaky=False)
    param.write_text(out.text())
    param.with_suffix(".bin").write_bytes(out.numbers)
    assert np.isfinite(np.frombuffer(out.numbers[-4:], "<f4")).all()
    return param
