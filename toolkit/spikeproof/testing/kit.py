"""Runs the checks: as tests of pytest, or one after the other for ``spikeproof check``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from spikeproof._host import Host, Provided
from spikeproof.errors import ComponentNotFound, PluginFailed, UsageError
from spikeproof.wording import did_you_mean

from .registry import Check, CheckFailed, checks
from .subject import Example, Subject

if TYPE_CHECKING:
    import pytest

__all__ = ["Bound", "Outcome", "checks_of", "parametrize", "run_checks"]

Examples = Mapping[str, "Example | Callable[[], Example]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One check of one component.

    Parameters
    ----------
    name : str
        ``KIND-NAME-CHECK``.
    check : Check
    subject : callable
        Makes the subject; what an example writes is written only when a check runs.
    """

    name: str
    check: Check
    subject: Callable[[], Subject]

    def __call__(self) -> None:
        """Run it.

        Raises
        ------
        CheckFailed
            If the component does not hold it.
        """
        self.check.function(self.subject())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one check went; ``error`` is one line, empty if it passed."""

    name: str
    summary: str
    state: Literal["passed", "failed", "not run"]
    error: str = ""


def checks_of(host: Host, distribution: str, *, examples: Examples | None = None) -> tuple[Bound, ...]:
    """Return every check of every component of a distribution.

    Parameters
    ----------
    host : Host
    distribution : str
    examples : mapping of str to Example or callable
        By ``KIND-NAME`` (``"source-nwb"``): how to make what defaults alone cannot make.

    Raises
    ------
    PluginFailed
        If one of its plugins could not be loaded: with that error.
    ComponentNotFound
        If it provides nothing.
    UsageError
        If an example is of a component that it does not provide.
    """
    wanted = canonicalize_name(distribution)
    mine = [plugin for plugin in host.plugins if canonicalize_name(plugin.distribution) == wanted]
    for plugin in mine:
        if not plugin.usable:
            raise PluginFailed(f"plugin {plugin.label} is {plugin.state}: {plugin.error}\n{plugin.traceback}".strip())
    kinds = dict.fromkeys(kind for plugin in mine for kind, _ in plugin.provides)
    provided = [item for kind in kinds for item in host.entries(kind) if item.plugin in mine]
    if not provided:
        raise ComponentNotFound(f"distribution {distribution!r} provides no component: is it installed, as a plugin?")
    given = dict(examples or {})
    _refuse_unknown("example", given, [_key(item) for item in provided])
    return tuple(bound for item in provided for bound in _bound(host, item, given.get(_key(item), Example())))


def run_checks(host: Host, distribution: str, *, examples: Examples | None = None) -> Iterator[Outcome]:
    """Run every check of a distribution, one after the other, whatever fails.

    Checks that need a target for which there is no example are ``not run``, and say so.
    """
    for bound in checks_of(host, distribution, examples=examples):
        outcome = partial(Outcome, name=bound.name, summary=bound.check.summary)
        try:
            bound()
        except UsageError as error:
            yield outcome(state="not run", error=str(error))
        except CheckFailed as error:
            yield outcome(state="failed", error=str(error))
        except Exception as error:  # noqa: BLE001 - an error of the component is how it failed
            yield outcome(state="failed", error=" ".join(f"{type(error).__name__}: {error}".split()))
        else:
            yield outcome(state="passed")


def parametrize(
    distribution: str,
    *,
    examples: Examples | None = None,
    expected_failures: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Make a test function ``test(check)`` into one test for each check of each component of a distribution.

    Parameters
    ----------
    distribution : str
        Name of the installed distribution.
    examples : mapping of str to Example or callable
        By ``KIND-NAME``; see :func:`checks_of`.
    expected_failures : mapping of str to str
        Names of checks (``KIND-NAME-CHECK``) that a component knowingly breaks, with the reason; each must fail.
    environ : mapping, optional
        As for ``Host.discover``; the process's environment by default.

    Raises
    ------
    PluginFailed
        If one of its plugins could not be loaded.
    UsageError
        If a key names no check or no component, or the distribution provides none.
    """
    import pytest

    host = Host.discover(environ=os.environ if environ is None else environ)
    bounds = checks_of(host, distribution, examples=examples)
    expected = dict(expected_failures or {})
    _refuse_unknown("expected failure", expected, [bound.name for bound in bounds])
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                bound,
                id=bound.name,
                marks=[pytest.mark.xfail(reason=expected[bound.name], strict=True)] if bound.name in expected else [],
            )
            for bound in bounds
        ],
    )


def _bound(host: Host, item: Provided, example: Example | Callable[[], Example]) -> Iterator[Bound]:
    made: list[Subject] = []

    def subject() -> Subject:
        if not made:
            how = example() if callable(example) else example
            metavar = item.entry.target
            if how.target is None and metavar is not None and not metavar.startswith("["):
                # Some checks need no component; the others say that an example is missing.
                chosen = replace(host.find(item.kind, f"{item.qualified}:?"), target=None, spec=item.qualified)
            else:
                target = "" if metavar is None or how.target is None else f":{how.target}"
                chosen = host.find(item.kind, item.qualified + target)
            made.append(Subject(host=host, chosen=chosen, example=how))
        return made[0]

    for check in checks():
        if item.kind in check.kinds and check.applies(item.entry):
            yield Bound(name=f"{_key(item)}-{check.name}", check=check, subject=subject)


def _key(item: Provided) -> str:
    return f"{item.kind}-{item.entry.name}"


def _refuse_unknown(what: str, given: Mapping[str, object], known: list[str]) -> None:
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known, 1, otherwise=f"; there are {', '.join(known)}")
            raise UsageError(f"{what} {key!r} names nothing that is checked{hint}")
