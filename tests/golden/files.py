"""Files of NumPy, safetensors and PyTorch, for tests of reading and, byte for byte, of writing. Writes into files/ beside itself, the
same bytes at every run; needs NumPy, safetensors and PyTorch.

    python tests/golden/files.py             writes the files
    python tests/golden/files.py --check D   reads what the tests of rensa wrote into the directory D, by NumPy and safetensors

For the latter: RENSA_WRITTEN=D cargo test --test foreign_files
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file

FILES = Path(__file__).with_suffix("")
DTYPES = ["b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def counted(dtype, shape=(2, 3)):
    """0, 1, 2, ... in this type; of bool every second one is true."""
    values = np.arange(int(np.prod(shape)))
    return (values % 2 if dtype == "b1" else values).reshape(shape).astype(dtype)


def numpy_files():
    for dtype in DTYPES:
        np.save(FILES / f"{dtype}.npy", counted(dtype))
    np.save(FILES / "big-i4.npy", counted(">i4"))
    np.save(FILES / "big-f8.npy", counted(">f8"))
    np.save(FILES / "fortran-f4.npy", np.asfortranarray(counted("f4", (2, 3, 4))))
    np.save(FILES / "scalar-f8.npy", np.float64(2.5))
    np.save(FILES / "line-f4.npy", counted("f4", (5,)))
    np.save(FILES / "empty-f8.npy", counted("f8", (0, 3)))
    np.save(FILES / "special-f4.npy", np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45, 3.4028235e38], "f4"))
    for version in [(2, 0), (3, 0)]:
        with open(FILES / f"version-{version[0]}.npy", "wb") as file:
            npy.write_array(file, counted("f4"), version=version)
    arrays = {"images": counted("f4", (2, 2, 2)), "labels": counted("i8", (2,)), "a/b.c": counted("b1")}
    arrays["turned"] = np.asfortranarray(counted(">i4"))
    np.savez(FILES / "stored.npz", **arrays)
    np.savez_compressed(FILES / "deflated.npz", **arrays)


def tensor_files():
    values = torch.tensor([[0.5, -1.0, 65504.0], [6e-8, float("inf"), 1 / 3]])
    save_file({"x": values.to(torch.float16)}, FILES / "half.safetensors")
    save_file({"x": values.to(torch.bfloat16)}, FILES / "bfloat.safetensors")
    mixed = {"weights": counted("f4"), "wide": counted("f8", (3,)), "classes": counted("i8", (4,)), "mask": counted("b1"),
             "count": np.int64(7), "pixels": counted("u1", (1, 2, 2)), "none": counted("f4", (0, 2))}
    save_numpy({name: np.asarray(value) for name, value in mixed.items()}, FILES / "mixed.safetensors",
               metadata={"format": "np"})


def saved(name, module, *inputs):
    """The state of a module by PyTorch's names, and what it makes of its inputs, each in a file."""
    module.eval()
    with torch.no_grad():
        output = module(*inputs)
    save_file(module.state_dict(), FILES / f"torch_{name}.safetensors", metadata={"format": "pt"})
    named = {f"input{i}": value for i, value in enumerate(inputs)}
    save_file({**named, "output": output}, FILES / f"torch_{name}_io.safetensors")


class ConvNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 4, 3, padding=1, stride=2)
        self.bn = torch.nn.BatchNorm2d(4)
        self.fc = torch.nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(torch.flatten(torch.relu(self.bn(self.conv(x))), 1))


class Reader(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = torch.nn.Linear(10, 2)

    def forward(self, x):
        return self.fc(self.lstm(x)[0])


def torch_files():
    torch.manual_seed(5)
    mlp = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    saved("mlp", mlp, torch.randn(5, 4))
    convnet = ConvNet()
    for _ in range(3):  # in training mode, so that its running means are worth something
        convnet(2 * torch.randn(6, 2, 4, 4) + 1)
    saved("convnet", convnet, torch.randn(3, 2, 4, 4))
    saved("transformer", torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8))
    saved("lstm", Reader(), torch.randn(2, 6, 3))


def check(directory):
    """What rensa wrote, as Python reads it."""
    arrays = {name: counted(dtype) for name, dtype in
              {"f32": "f4", "f64": "f8", "bool": "b1", "u8": "u1", "i32": "i4", "i64": "i8", "usize": "i8"}.items()}
    for name, expected in arrays.items():
        assert_same(np.load(directory / f"{name}.npy", allow_pickle=False), expected)
    for file in ["stored.npz", "deflated.npz"]:
        with np.load(directory / file, allow_pickle=False) as found:
            assert sorted(found.files) == sorted(arrays)
            for name, expected in arrays.items():
                assert_same(found[name], expected)
    found = load_file(directory / "mixed.safetensors")
    assert sorted(found) == sorted(arrays)
    for name, expected in arrays.items():
        assert_same(found[name], expected)
    with safe_open(directory / "mixed.safetensors", "np") as file:
        assert file.metadata() == {"format": "np", "made by": "rensa"}, file.metadata()
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    state = {name: torch.from_numpy(value) for name, value in load_file(directory / "net.safetensors").items()}
    print(module.load_state_dict(state, strict=True))
    print(f"all that rensa wrote into {directory.name} is read")


def assert_same(found, expected):
    assert found.dtype == expected.dtype and found.shape == expected.shape, (found.dtype, found.shape)
    assert np.array_equal(found, expected), (found, expected)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        return check(Path(sys.argv[2]))
    FILES.mkdir(exist_ok=True)
    numpy_files()
    tensor_files()
    torch_files()


if __name__ == "__main__":
    main()
