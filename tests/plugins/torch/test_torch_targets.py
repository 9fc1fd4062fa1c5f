"""Targets: files, modules, arguments, digests, and the errors of each."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from spikeproof.errors import ModelError, UsageError
from spikeproof.types import Model
from spikeproof_torch.model import TorchModel, TorchNetwork
from spikeproof_torch.plugin import spikeproof_models
from spikeproof_torch.target import Target

from .torch_cases import FILE, SHAPE, images


def load(target: str) -> TorchNetwork:
    return TorchModel(target=target).load(seed=0, device="cpu")


@pytest.mark.parametrize(
    ("text", "where", "name", "arguments", "keywords"),
    [
        ("nets.py:f", "nets.py", "f", (), {}),
        ("../a b/nets.py:v4_neuron(5)", "../a b/nets.py", "v4_neuron", (5,), {}),
        ("pkg.mod:f('a:b', depth=[1, -2.5])", "pkg.mod", "f", ("a:b",), {"depth": [1, -2.5]}),
        (r"C:\nets.py:f", r"C:\nets.py", "f", (), {}),
        ("dir:x/nets.py:f()", "dir:x/nets.py", "f", (), {}),
    ],
)
def test_targets_are_parsed(text: str, where: str, name: str, arguments: object, keywords: object) -> None:
    target = Target.parse(text)
    assert (target.where, target.name, target.arguments, target.keywords) == (where, name, arguments, keywords)


@pytest.mark.parametrize("text", ["nets.py", "nets.py:", ":f", "nets.py:a-b", ""])
def test_a_malformed_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: write torch:FILE.py:NAME or torch:package.module:NAME"):
        TorchModel(target=text)


@pytest.mark.parametrize("call", ["(x)", "(open('f'))", "(**{})", "(*[1])", "(1)(2)", "(1", "(1).a()"])
def test_only_literal_arguments_are_read(call: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        TorchModel(target=f"nets.py:f{call}")


def test_a_builder_is_called_with_its_arguments() -> None:
    network = load(f"{FILE}:wide(7, name='b')")
    assert network.name == "wide(7,name='b')"
    assert network.module.called == "b"
    assert len(network.read("output", image_shape=SHAPE).units) == 7


@pytest.mark.parametrize("name", ["small", "small()", "Small", "BUILT"])
def test_a_builder_a_class_and_a_built_module_are_opened(name: str) -> None:
    network = load(f"{FILE}:{name}")
    assert network.name == name.removesuffix("()")
    assert network.read("head", image_shape=SHAPE).responses(images()).shape == (4, 4)


def test_identity_holds_the_digests_of_file_and_weights() -> None:
    network = load(f"{FILE}:small")
    assert network.identity["target"] == f"{FILE}:small"
    assert network.identity["file_sha256"] == load(f"{FILE}:wide(2)").identity["file_sha256"]
    assert len(network.identity["weights"]) == 64
    assert network.identity["weights"] == load(f"{FILE}:small").identity["weights"]
    assert network.identity["weights"] != load(f"{FILE}:double").identity["weights"]
    assert load("torch.nn:Linear(2, 2)").identity["module"] == "torch.nn"
    assert load(f"{FILE}:NoWeights").identity["weights"]


def test_the_digest_sees_one_weight_and_buffers_that_are_not_saved(tmp_path: Path) -> None:
    template = (
        "import torch\nfrom torch import nn\ndef f():\n    net = nn.Linear(2, 2)\n"
        "    net.weight.data[:], net.bias.data[:] = {weight}, 0\n"
        "    net.register_buffer('kept', torch.tensor({buffer}, dtype=torch.bfloat16), persistent=False)\n"
        "    return net\n"
    )
    digests = set()
    for weight, buffer in ((0.5, 1.0), (0.5000001, 1.0), (0.5, 2.0)):
        (tmp_path / "n.py").write_text(template.format(weight=weight, buffer=buffer))
        digests.add(load(f"{tmp_path}/n.py:f").identity["weights"])
    assert len(digests) == 3


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "n.py"
    for width in (2, 3):
        file.write_text(f"from torch import nn\ndef f():\n    return nn.Linear(6, {width})\n")
        assert load(f"{file}:f").module.out_features == width


def test_files_beside_are_importable_and_never_mixed_up_between_folders(tmp_path: Path) -> None:
    for folder, width in (("a", 2), ("b", 3)):
        (tmp_path / folder / "parts").mkdir(parents=True)
        (tmp_path / folder / "sizes_beside.py").write_text(f"WIDTH = {width}\n")
        (tmp_path / folder / "parts" / "__init__.py").write_text("from parts import deep\n")
        (tmp_path / folder / "parts" / "deep.py").write_text("from torch import nn\n")
        text = (
            "from sizes_beside import WIDTH\ndef f():\n    from parts.deep import nn\n    return nn.Linear(6, WIDTH)\n"
        )
        (tmp_path / folder / "nets.py").write_text(text)
    path = list(sys.path)
    assert load(f"{tmp_path}/a/nets.py:f").module.out_features == 2
    assert load(f"{tmp_path}/b/nets.py:f").module.out_features == 3
    assert sys.path == path
    assert not {"sizes_beside", "parts", "parts.deep"} & set(sys.modules)


def test_a_missing_file_is_named_with_those_near_it(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("")
    with pytest.raises(ModelError, match=r"no file .*net.py \(looked from .*\); near it: nets.py"):
        load(f"{tmp_path}/net.py:f")
    with pytest.raises(ModelError, match=r"no file .*; write torch:FILE.py:NAME"):
        load(f"{tmp_path}/no/net.py:f")
    (tmp_path / "nets.py").unlink()
    with pytest.raises(ModelError, match=r"no file .*; no Python file in "):
        load(f"{tmp_path}/net.py:f")


def test_a_name_that_is_not_there_lists_near_names() -> None:
    with pytest.raises(ModelError, match=r"hostile_nets.py has no 'smal'; near names: .*small"):
        load(f"{FILE}:smal")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x / 0\n", r"ZeroDivisionError: division by zero \(line 2: 'y = x / 0'\)"),
        ("import no_such_package_here\n", r"ModuleNotFoundError: No module named .* \(line 1: 'import no_such"),
        ("def f(:\n", r"SyntaxError: invalid syntax.* \(line 1: 'def f\(:'\)"),
        ("import sys\nsys.exit('usage: nets.py')\n", r"SystemExit: usage: nets.py \(line 2"),
    ],
)
def test_a_file_that_raises_shows_the_error_and_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "n.py").write_text(text)
    before = set(sys.modules)
    with pytest.raises(ModelError, match=rf"running .*n.py failed: {message}"):
        load(f"{tmp_path}/n.py:f")
    assert set(sys.modules) == before


def test_a_builder_that_raises_shows_the_error_and_its_line() -> None:
    with pytest.raises(
        ModelError, match=r"building raises of .* failed: FileNotFoundError: no weights .* \(line \d+: 'raise"
    ):
        load(f"{FILE}:raises")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_module", "no_module of .* returned a dict, expected an nn.Module"),
        ("NUMBER", "NUMBER in .* is a int, neither an nn.Module nor a function that builds one"),
        ("BUILT(3)", "BUILT in .* is a built Small, it takes no arguments: write torch:.*:BUILT"),
        (
            "wide",
            r"wide of .* cannot be called so: missing a required argument: 'width'; it is wide\(width, \*, name='a'\)",
        ),
        ("small(3)", r"small\(3\) of .* cannot be called so: too many positional arguments"),
    ],
)
def test_what_is_no_module_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(f"{FILE}:{name}")


def test_a_module_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModelError, match=r"importing no_such_nets failed: ModuleNotFoundError: .*; install it in this"):
        load("no_such_nets:f")


def test_a_file_that_was_named_like_a_module_is_proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "nets.py").write_text("raise ImportError('not this way')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"importing sub.nets failed: ImportError: not this way$"):
        load("sub.nets:f")
    with pytest.raises(
        ModelError, match=r"importing sub.net failed: ModuleNotFoundError: No module named 'sub.net'; install"
    ):
        load("sub.net:f")
    sys.modules.pop("sub", None)


def test_a_module_of_the_working_folder_is_importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets_of_the_folder.py").write_text("from torch import nn\nf = nn.Flatten\n")
    monkeypatch.chdir(tmp_path)
    importlib.invalidate_caches()
    path = list(sys.path)
    network = load("nets_of_the_folder:f")
    assert isinstance(network.module, torch.nn.Flatten)
    assert sys.path == path
    del sys.modules["nets_of_the_folder"]


def test_the_entry_names_a_model_with_a_target() -> None:
    (entry,) = spikeproof_models()
    module, attribute = entry.factory.split(":")
    made = getattr(importlib.import_module(module), attribute)(target="nets.py:f")
    assert isinstance(made, Model)
    assert (entry.name, entry.target, entry.differentiable) == ("torch", "FILE.py:NAME", True)
