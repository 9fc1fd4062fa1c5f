"""Speaks to an archive: the few requests of its REST surface that reading needs.

The DANDI client's own classes are not used for it, because they cannot be bounded in time: every request is tried 12
times with exponential waits and sleeps for as long as ``Retry-After`` says, no timeout is ever set (nor on the look-up
of an address it does not know, which happens in the constructor), the constructor asks a third server whether it is
out of date and may end the process with ``SystemExit``, a missing key is looked up in the keyring and then prompted
for, and ``asset.download()`` verifies nothing. Replacing its transport would leave these few paths, at half a second
of imports. What it knows is used: its list of archives (``dandi.consts``), the names of its variables, the part sizes
of its ETag (``dandischema``) and the checksum of Zarr archives (``zarr_checksum``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from spikeproof.errors import DataError

from .instance import Instance
from .patience import RETRIED, Patience, retry_after

__all__ = ["Client", "NotFound", "broken", "new_session"]

PAGE = 1000
"""Rows in one answer; the archive gives no more."""
_MOST_PAGES = 1000


class NotFound(Exception):
    """The archive has no such thing; whoever asked knows what it is called."""


class Client:
    """Asks one archive, with a key only where it is asked for one.

    Parameters
    ----------
    instance : Instance
    limit : float
        Seconds without progress after which a request is given up.
    """

    def __init__(self, instance: Instance, limit: float) -> None:
        self.instance, self.limit = instance, limit
        self._session = new_session()
        self._key: tuple[str, str] | None = None
        self._api = instance.api

    def patience(self, what: str) -> Patience:
        """A fresh measure of patience."""
        return Patience(limit=self.limit, what=what)

    def json(self, path: str, what: str, /, **query: str) -> Any:  # noqa: ANN401 - it is JSON
        """The answer to one request, decoded.

        Parameters
        ----------
        path : str
            Below the API's address, or a whole URL there.
        what : str
            What is asked for, in the words of messages.
        **query : str

        Raises
        ------
        NotFound
            If there is no such thing.
        DataError
            If the archive cannot be reached, refuses, or answers something else than JSON.
        """
        response = self._ask(path, what, query)
        try:
            return json.loads(response.content)
        except ValueError:
            head = " ".join(response.text[:60].split())
            raise DataError(
                f"{what}: {response.url} answered no JSON but {head!r}: is this an archive's address, and are you past "
                "your network's log-in page?"
            ) from None

    def pages(self, path: str, what: str, /, **query: str) -> Iterator[dict[str, Any]]:
        """Every row of a listing, page by page."""
        answer = self.json(path, what, page_size=str(PAGE), **query)
        for _ in range(_MOST_PAGES):
            rows = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise DataError(f"{what}: {self.api}/{path} answered no listing: is this an archive's address?")
            yield from rows
            if not answer.get("next"):
                return
            answer = self.json(str(answer["next"]), what)
        raise DataError(f"{what}: the listing did not end after {_MOST_PAGES} pages: ask for less")

    def redirect(self, path: str, what: str, /, **query: str) -> str:
        """Where the content is: the presigned URL that the archive redirects to."""
        response = self._ask(path, what, query)
        place = response.headers.get("Location")
        if response.status_code not in {301, 302, 303, 307, 308} or not place:
            raise DataError(
                f"{what}: the archive gave no address of the content (status {response.status_code}): tell its keepers"
            )
        return urljoin(response.url, place)

    @property
    def api(self) -> str:
        """Address of the API; where only the archive's pages are known, they are asked for it, as the client does.

        Raises
        ------
        DataError
            If nothing there says that it is an archive.
        """
        if not self._api:
            web, what = self.instance.web, f"the archive {self.instance.name}"
            response = self._sent(f"{web}/server-info", what, {}, None)
            if response.status_code == 404:
                response = self._sent(f"{web}/api/info/", what, {}, None)
            try:
                said = response.json()["services"]["api"]["url"]
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    f"{web} does not say that it is a DANDI archive: give the address of the archive's API, such as "
                    "https://api.dandiarchive.org/api"
                ) from None
            if _origin(said)[1] != urlsplit(web).hostname and urlsplit(said).scheme != "https":
                raise DataError(f"{web} names {said} as its API, on another host without https: it was not asked")
            self._api = str(said).rstrip("/")
        return self._api

    def _ask(self, path: str, what: str, query: Mapping[str, str]) -> requests.Response:
        url = path if path.startswith(("http://", "https://")) else f"{self.api}/{path}"
        response = self._with_key(url, what, query)
        for _ in range(3):  # the slash that the archive insists on; a redirect elsewhere is for the caller
            place = urljoin(response.url, response.headers.get("Location", ""))
            if response.status_code not in {301, 308} or _origin(place) != _origin(self.api):
                break
            response = self._with_key(place, what, {})
        return self._checked(response, what)

    def _with_key(self, url: str, what: str, query: Mapping[str, str]) -> requests.Response:
        """Ask, first as nobody; as the user of the key once the archive wants to know who asks."""
        if _origin(url) != _origin(self.api):
            raise DataError(f"{what}: the archive points to {url} for more, which is not its own address: not followed")
        response = self._sent(url, what, query, self._key)
        if response.status_code in {401, 403} and self._key is None:
            self._key = self._instance_with_api().token()
            if self._key is not None:
                response = self._sent(url, what, query, self._key)
        return response

    def _sent(self, url: str, what: str, query: Mapping[str, str], key: tuple[str, str] | None) -> requests.Response:
        patience = self.patience(what)
        headers = {"Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"token {key[0]}"
        while True:
            try:
                response = self._session.get(
                    url, params=dict(query), headers=headers, timeout=patience.timeout, allow_redirects=False
                )
            except requests.RequestException as error:
                patience.failed(broken(error, url))
                continue
            if response.status_code in RETRIED:
                busy = f"{_host(url)} is busy or broken (status {response.status_code})"
                patience.failed(busy, wait=retry_after(response))
                continue
            return response

    def _checked(self, response: requests.Response, what: str) -> requests.Response:
        status, name = response.status_code, self.instance.name
        variables = self._instance_with_api().variables
        if status == 404:
            raise NotFound(what)
        if status in {401, 403} and self._key is None:
            raise DataError(
                f"{what} is not open: {name} wants to know who asks ({_detail(response)}). If it is embargoed and you "
                f"are one of its owners, set the variable {variables[0]} to your API key (it is shown by the archive's "
                f"pages, {self.instance.web}, once you have logged in)"
            )
        if status == 401 and self._key is not None:
            raise DataError(
                f"{what}: {name} does not accept the key in {self._key[1]} ({_detail(response)}): get a new one from "
                f"{self.instance.web}, or unset it for what is open"
            )
        if status == 403 and self._key is not None:
            raise DataError(
                f"{what}: the user of the key in {self._key[1]} may not see it ({_detail(response)}): ask its owners "
                "to add you, or use the key of one of them"
            )
        if status >= 400:
            raise DataError(f"{what}: {name} answers {status} ({_detail(response)}) to {response.url}")
        return response

    def _instance_with_api(self) -> Instance:
        held = self.instance
        name = held.name if held.known else urlsplit(self.api).netloc
        return Instance(name=name, api=self.api, web=held.web, known=held.known)


def new_session() -> requests.Session:
    """A session that tries once and sends no password of a ``.netrc``."""
    session = requests.Session()
    adapter = HTTPAdapter(max_retries=urllib3.Retry(0, read=False), pool_connections=4, pool_maxsize=16)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.auth = _as_is
    session.headers["User-Agent"] = f"spikeproof/{_version()}"
    return session


def broken(error: Exception, url: str) -> str:
    """What went wrong with a connection, for a person."""
    host, said = _host(url), str(error)
    if re.search(r"NameResolutionError|getaddrinfo|Name or service not known", said):
        return f"no host {host} can be found: are you online? What is in the cache can be read with --offline"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} shows no certificate that can be trusted ({said[:120]})"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{host} does not answer (no connection)"
    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
        return f"{host} keeps silent"
    if re.search(r"Connection refused|actively refused", said):
        return f"nobody answers at {host} (connection refused)"
    return f"the connection to {host} broke ({type(error).__name__})"


def _as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _detail(response: requests.Response) -> str:
    """What an answer says, in a few words."""
    try:
        said = response.json()
    except ValueError:
        said = re.sub(r"<[^>]*>", " ", response.text)
    text = str(said.get("detail", said)) if isinstance(said, dict) else str(said)
    return " ".join(text.split())[:160] or f"status {response.status_code}"


def _version() -> str:
    try:
        return version("spikeproof")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
