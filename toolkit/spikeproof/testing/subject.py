"""What a check is given: a component that it can make afresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from spikeproof.errors import UsageError
from spikeproof.plugin import Norm

if TYPE_CHECKING:
    from spikeproof._host import Chosen, Host

__all__ = ["Example", "Subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """How to make a component that its defaults alone cannot make.

    Parameters
    ----------
    target : str, optional
        What follows the colon: a small file that the plugin's tests hold or write.
    parameters : mapping
        Values of parameters.
    image_shape : tuple of int
        (channel, y, x) of images that a model takes.
    layer : str, optional
        Layer of a model to read; its first one by default.
    norms : tuple of str
        Norms that an attack has with this target; empty for all of its entry.
    features : {"map", "units"}
        What an encoder is fitted to: feature maps, or a table whose columns predict the toy units ``u0`` to ``u2``.
    """

    target: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    image_shape: tuple[int, int, int] = (1, 8, 8)
    layer: str | None = None
    norms: tuple[Norm, ...] = ()
    features: Literal["map", "units"] = "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A component under test.

    Parameters
    ----------
    host : Host
    chosen : Chosen
        The component.
    example : Example
        How to make it.
    remembered : dict
        See :meth:`once`.
    """

    host: Host
    chosen: Chosen
    example: Example = field(default_factory=Example)
    remembered: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is made
        """What ``make`` gives, made once for all checks that ask for this name: some components take long."""
        if name not in self.remembered:
            self.remembered[name] = make()
        return self.remembered[name]

    @property
    def entry(self) -> Any:  # noqa: ANN401 - checks know the type of their kind
        """The entry, of the type of its kind."""
        return self.chosen.entry

    @property
    def norms(self) -> tuple[Norm, ...]:
        """Norms that an attack is tried in."""
        return self.example.norms or tuple(self.entry.norms)

    def build(self, parameters: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - as above
        """Make the component, of the example's parameters unless others are given.

        Raises
        ------
        UsageError
            If it needs a target and there is no example.
        """
        needs = self.entry.target is not None and not self.entry.target.startswith("[")
        if needs and self.chosen.target is None:
            key = f"{self.chosen.kind}-{self.entry.name}"
            raise UsageError(
                f"{key} needs a target: give the checks an example, "
                f"examples={{{key!r}: Example(target=...)}} with its {self.entry.target}"
            )
        values = self.example.parameters if parameters is None else parameters
        return self.host.build(self.chosen, values, where=f"conformance of {self.chosen.label}")
