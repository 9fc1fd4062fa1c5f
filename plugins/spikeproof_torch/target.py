"""Targets ``FILE.py:NAME``, ``package.module:NAME`` and ``...:NAME(3)``: parsed, imported and built."""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import torch
from spikeproof.errors import ModelError, UsageError
from torch import nn

from .state import preserved_random_state, seed_everything

__all__ = ["Opened", "Target", "near"]

_TARGET = re.compile(r"(?P<where>.+?):(?P<name>[A-Za-z_]\w*)(?P<call>\(.*\))?", re.DOTALL)
_USAGE = (
    "write torch:FILE.py:NAME or torch:package.module:NAME, where NAME is an nn.Module or a function that builds one"
)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A module, and what it was made from.

    Parameters
    ----------
    module : torch.nn.Module
    owned : bool
        True if it was built for us, False if it is an object of the user's file.
    source : mapping of str to str
        ``file`` or ``module``, and ``file_sha256``.
    """

    module: nn.Module
    owned: bool
    source: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a module is, and how to build it.

    Parameters
    ----------
    where : str
        A Python file, or the dotted name of an importable module.
    name : str
        What to take from there.
    call : str or None
        Arguments as written, ``"(5, session='a')"``, or None if there are none.
    """

    where: str
    name: str
    call: str | None = None
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parse a target.

        Raises
        ------
        spikeproof.errors.UsageError
            If it is not of the form, or its arguments are not literals.

        Examples
        --------
        >>> Target.parse("nets.py:v4_neuron(5)").arguments
        (5,)
        """
        match = _TARGET.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"torch:{text}: cannot be read: {_USAGE}")
        where, name, call = match["where"], match["name"], match["call"]
        if call is None:
            return cls(where=where, name=name)
        try:
            arguments, keywords = _literals(call)
        except (SyntaxError, ValueError, TypeError) as error:
            raise UsageError(
                f"torch:{text}: the arguments {call} cannot be read: only literals are allowed, such as "
                f"{name}(3), {name}('a', depth=2)"
            ) from error
        return cls(where=where, name=name, call=call, arguments=arguments, keywords=keywords)

    @property
    def is_file(self) -> bool:
        """Whether ``where`` is a file rather than an importable module."""
        return self.where.endswith(".py") or "/" in self.where or "\\" in self.where

    @property
    def label(self) -> str:
        """Short name: ``"cnn_a_robust"``, ``"v4_neuron(5)"``."""
        return self.name + re.sub(r"\s+", "", self.call or "").replace("()", "")

    def open(self, *, seed: int) -> Opened:
        """Import and build, with seeded random numbers; the global random state and grad mode are put back.

        Raises
        ------
        spikeproof.errors.ModelError
            If the file is missing or raises, the name does not exist, or what it gives is no module.
        """
        grad = torch.is_grad_enabled()
        # what a user's file prints is talk: standard output belongs to results
        with preserved_random_state(), contextlib.redirect_stdout(sys.stderr):
            seed_everything(seed)
            try:
                if self.is_file:
                    path = Path(self.where).expanduser()
                    with _siblings_importable(path.parent):
                        return self._build(*self._run_file(path))
                with _importable(Path.cwd()):
                    return self._build(*self._import_module())
            finally:
                torch.set_grad_enabled(grad)

    def _run_file(self, path: Path) -> tuple[ModuleType, dict[str, str]]:
        if not path.is_file():
            folder = path.parent
            others = sorted(item.name for item in folder.glob("*.py")) if folder.is_dir() else []
            hint = f"near it: {', '.join(near(path.name, others))}" if others else f"no Python file in {folder}"
            if path.suffix != ".py" or not folder.is_dir():
                hint = _USAGE
            raise ModelError(f"torch: no file {self.where} (looked from {Path.cwd()}); {hint}")
        source = path.read_bytes()
        digest = hashlib.sha256(source).hexdigest()
        key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        stem = re.sub(r"\W", "_", path.stem)
        name = f"_spikeproof_torch_{stem}_{key}"
        spec = importlib.util.spec_from_file_location(name, path, loader=_BytesLoader(name, str(path), source))
        if spec is None or spec.loader is None:
            raise ModelError(f"torch: {self.where} is not a Python file; {_USAGE}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickling look the module up while it runs
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise ModelError(f"torch: running {self.where} failed: {_last_line(error, str(path))}") from error
        return module, {"file": self.where, "file_sha256": digest}

    def _import_module(self) -> tuple[ModuleType, dict[str, str]]:
        try:
            module = importlib.import_module(self.where)
        except (Exception, SystemExit) as error:
            beside = Path(self.where.replace(".", "/") + ".py")
            missing = isinstance(error, ModuleNotFoundError) and self.where.startswith(error.name or "\0")
            if missing and beside.is_file():
                hint = f"; there is a file: write torch:{beside}:{self.name}"
            else:
                hint = f"; install it in this environment, or {_USAGE}" if missing else ""
            raise ModelError(f"torch: importing {self.where} failed: {_last_line(error, None)}{hint}") from error
        source = {"module": self.where}
        origin = getattr(module, "__file__", None)
        if origin and Path(origin).is_file():
            source["file_sha256"] = hashlib.sha256(Path(origin).read_bytes()).hexdigest()
        return module, source

    def _build(self, namespace: ModuleType, source: dict[str, str]) -> Opened:
        if not hasattr(namespace, self.name):
            usable = [
                name for name in dir(namespace) if not name.startswith("__") and callable(getattr(namespace, name))
            ]
            raise ModelError(
                f"torch: {self.where} has no {self.name!r}; near names: {', '.join(near(self.name, usable)) or 'none'}"
            )
        thing = getattr(namespace, self.name)
        if isinstance(thing, nn.Module):
            if self.call is not None:
                raise ModelError(
                    f"torch: {self.name} in {self.where} is a built {type(thing).__name__}, it takes no arguments: "
                    f"write torch:{self.where}:{self.name}"
                )
            return Opened(module=thing, owned=False, source=source)
        if not callable(thing):
            raise ModelError(
                f"torch: {self.name} in {self.where} is a {type(thing).__name__}, neither an nn.Module nor a function "
                "that builds one"
            )
        self._check_arguments(thing)
        try:
            built = thing(*self.arguments, **self.keywords)
        except (Exception, SystemExit) as error:
            where = getattr(namespace, "__file__", None)
            raise ModelError(
                f"torch: building {self.label} of {self.where} failed: {_last_line(error, where)}"
            ) from error
        if not isinstance(built, nn.Module):
            raise ModelError(
                f"torch: {self.label} of {self.where} returned a {type(built).__name__}, expected an nn.Module"
            )
        return Opened(module=built, owned=True, source=source)

    def _check_arguments(self, thing: Any) -> None:  # noqa: ANN401  # anything callable
        try:
            signature = inspect.signature(thing)
        except (TypeError, ValueError):
            return  # some C functions do not tell
        try:
            signature.bind(*self.arguments, **self.keywords)
        except TypeError as error:
            bare = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
            plain = signature.replace(parameters=bare, return_annotation=signature.empty)
            raise ModelError(
                f"torch: {self.label} of {self.where} cannot be called so: {error}; it is {self.name}{plain}: give "
                f"literal arguments, torch:{self.where}:{self.name}(...)"
            ) from error


class _BytesLoader(importlib.machinery.SourceFileLoader):
    """Runs the very bytes whose digest is recorded; neither reads nor writes a bytecode cache beside the file."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType | None:
        code: CodeType = self.source_to_code(self._source, self.get_filename(fullname))
        return code


def near(name: str, names: Sequence[str], count: int = 6) -> list[str]:
    """Return the names most like ``name``; the first ones if none is."""
    return difflib.get_close_matches(name, names, count, 0.4) or list(names[:count])


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.append(str(folder))  # last, so that nothing installed is shadowed
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


@contextlib.contextmanager
def _siblings_importable(folder: Path) -> Iterator[None]:
    """Let a file import what stands beside it; another folder's file of the same name is never mixed up with it."""
    before, place = set(sys.modules), str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(place)
        imported = set(sys.modules) - before
        beside = {name for name in imported if "." not in name and _stands_in(sys.modules[name], place)}
        for name in imported:
            if name.partition(".")[0] in beside:
                del sys.modules[name]


def _stands_in(module: ModuleType, folder: str) -> bool:
    """Whether a top-level module other than the user's file was found in this very folder."""
    origin = getattr(module, "__file__", None)
    places = getattr(module, "__path__", ()) or ([origin] if origin else [])
    ours = module.__name__.startswith("_spikeproof_torch_")
    return not ours and any(str(Path(place).parent) == folder for place in places)


def _literals(call: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    node = ast.parse(f"f{call}", mode="eval").body
    named = node.keywords if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
    if not isinstance(node, ast.Call) or named is None or any(item.arg is None for item in named):
        raise SyntaxError(f"{call} is not one call's arguments")
    return (
        tuple(ast.literal_eval(value) for value in node.args),
        {str(item.arg): ast.literal_eval(item.value) for item in named},
    )


def _last_line(error: BaseException, path: str | None) -> str:
    """Return the exception and the line that raised it, preferring a line of the user's own file."""
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    if isinstance(error, SyntaxError):
        return f"{text} (line {error.lineno}: {(error.text or '').strip()!r})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == path]
    frame = own[-1] if own else None
    return f"{text} (line {frame.lineno}: {frame.line!r})" if frame else text
