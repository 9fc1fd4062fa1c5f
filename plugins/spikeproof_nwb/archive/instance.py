"""Which archive is meant, and which key opens it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

__all__ = ["Instance", "choose_instance"]

VARIABLE = "DANDI_INSTANCE"
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One archive.

    Parameters
    ----------
    name : str
        ``"dandi"``, ``"ember-dandi"`` ..., or ``HOST:PORT`` where the DANDI client knows no name.
    api : str
        Address of its API, without a slash at the end; empty where it must be asked for at ``web``.
    web : str
        Address of its pages.
    known : bool
        Whether the DANDI client knows it.

    Examples
    --------
    >>> instance = choose_instance("dandi-sandbox", {})
    >>> instance.api, instance.variables
    ('https://api.sandbox.dandiarchive.org/api', ('DANDI_SANDBOX_API_KEY',))
    """

    name: str
    api: str
    web: str
    known: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that may hold the key: the DANDI client's own, and one that a shell can set."""
        plain = f"{self.name.upper().replace('-', '_')}_API_KEY"
        if self.known:
            return (plain,)
        return f"DANDI_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}_API_KEY", plain

    def token(self, environ: Mapping[str, str] | None = None) -> tuple[str, str] | None:
        """The key and the variable that it stands in, or None.

        Raises
        ------
        DataError
            If there is one, but sending it would show it to whoever listens.
        """
        held = os.environ if environ is None else environ
        for variable in self.variables:
            if held.get(variable, "").strip():
                parts = urlsplit(self.api)
                if parts.scheme != "https" and not _LOOPBACK.fullmatch(parts.hostname or ""):
                    raise DataError(
                        f"{self.api} is not https: the key in {variable} was not sent, since anybody on the way could "
                        "read it; name the archive's https address"
                    )
                return held[variable].strip(), variable
        return None


def choose_instance(said: str | None, environ: Mapping[str, str] | None = None) -> Instance:
    """Find the archive: by name or address, by ``$DANDI_INSTANCE``, or DANDI itself.

    Raises
    ------
    BadParameter
        If it is neither a name that the DANDI client knows nor an http(s) address.
    """
    from dandi.consts import known_instances

    held = os.environ if environ is None else environ
    name = said or held.get(VARIABLE) or "dandi"
    where = "instance" if said else VARIABLE
    address = name.rstrip("/")
    for known, about in known_instances.items():
        if address in {known, about.api.rstrip("/"), (about.gui or about.api).rstrip("/")}:
            return Instance(name=known, api=about.api.rstrip("/"), web=(about.gui or about.api).rstrip("/"), known=True)
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"} and parts.hostname:
        if "@" in parts.netloc:
            raise BadParameter(f"{where} holds a user's name before the host: leave it out, a key stands in a variable")
        web = f"{parts.scheme}://{parts.netloc}"
        api = f"{web}{parts.path}" if parts.path.endswith("/api") else ""
        return Instance(name=parts.netloc, api=api, web=web, known=False)
    hint = did_you_mean(name, known_instances, 2, otherwise=":")
    raise BadParameter(
        f"{where} = {name!r} is no archive{hint} known are {', '.join(known_instances)}; an address begins with https://"
    )
