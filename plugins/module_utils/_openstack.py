# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The one way in which this collection speaks to OpenStack. Private to this collection.

openstacksdk reads clouds.yaml, gets the token and finds the endpoints; requests and answers are the JSON of the API
reference (https://docs.openstack.org/api-ref/), for building objects costs more time than all else together.
"""

from __future__ import annotations

import collections
import concurrent.futures
import email.utils
import json
import os
import random
import threading
import time
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects

try:
    import keystoneauth1.exceptions
    import openstack.config
    import openstack.exceptions

    # That a request timed out is no ConnectFailure to keystoneauth, nor is an answer that breaks off.
    NO_ANSWER = (keystoneauth1.exceptions.ConnectFailure, keystoneauth1.exceptions.ConnectTimeout, keystoneauth1.exceptions.UnknownConnectionError)
    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

# Since OpenStack Train (2019). Nova: tags and volume types in the create call, no answer that depends on the flavor still being there.
MICROVERSIONS = {"compute": "compute 2.79", "block-storage": "volume 3.59"}
MAJOR_VERSIONS = {"compute": 2, "block-storage": 3, "network": 2, "image": 2}
PAGE = 1000
RETRY_SECONDS = 300
# An internal error that lasts a minute is there to stay.
RETRY_SECONDS_500 = 60
# Worth asking again. Only after the first is it certain that nothing was begun: a proxy may lose the answer of the API behind it.
PASSING = (429, 500, 502, 503, 504)


class CloudError(Exception):
    """The cloud cannot be reached or does not let us in; the text is for the user."""


class ApiError(CloudError):
    """The API refused a request."""

    def __init__(self, status: int, message: str, what: str) -> None:
        super().__init__(f"{what}: {message} ({status})")
        self.status = status
        self.message = message

    @property
    def is_quota(self) -> bool:
        """Whether a limit of the project is the reason. Nova says 403, Neutron 409, Cinder 413."""
        return self.status in (403, 409, 413) and "quota" in self.message.lower()


class NoAnswer(CloudError):
    """A request that changes something got no answer: it may have been obeyed."""


def argument_spec(**options: dict[str, t.Any]) -> dict[str, t.Any]:
    """The options of the doc fragment `elastigrid.site.openstack`, and the module's own."""
    return {"cloud": {"type": "str"}, "region_name": {"type": "str"}, "api_timeout": {"type": "int", "default": 60}, **options}


def connect(module: AnsibleModule) -> Cloud:
    """The cloud that a module's options name."""
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("openstacksdk"), exception=IMPORT_ERROR)
    try:
        return Cloud(module.params["cloud"], module.params["region_name"], module.params["api_timeout"])
    except CloudError as error:
        module.fail_json(msg=str(error))


class Cloud:
    """One region of one cloud. Threads may share it."""

    def __init__(
        self, name: str | None = None, region: str | None = None, api_timeout: int = 60, retry_seconds: float = RETRY_SECONDS, files: list[str] | None = None
    ) -> None:
        """`files` are the places of clouds.yaml, by default those of all OpenStack tools."""
        name = name or os.environ.get("OS_CLOUD")
        try:
            config = openstack.config.OpenStackConfig(config_files=files)
        except openstack.exceptions.ConfigException as error:
            raise CloudError(f"clouds.yaml cannot be read: {error}") from error
        try:
            self._region = config.get_one(cloud=name, region_name=region, api_timeout=api_timeout)
            self._session = self._region.get_session()
        except (openstack.exceptions.ConfigException, keystoneauth1.exceptions.ClientException) as error:
            known = sorted(set(config.get_cloud_names()) - {"defaults", "envvars"})
            if name and name not in known:
                where = config.config_filename or "none that can be read"
                raise CloudError(f"cloud is {name!r}, but clouds.yaml ({where}) has no such cloud; {_cloud_objects.closest(name, known)}") from error
            if not name and "OS_AUTH_URL" not in os.environ:
                raise CloudError(
                    f"no cloud is named, neither by an option nor by OS_CLOUD or OS_AUTH_URL; clouds.yaml has: {', '.join(known) or 'none'}"
                ) from error
            raise CloudError(f"cloud {name or '(unnamed)'}: {error}") from error
        self.name = self._region.name or name or "(environment)"
        self.requests: collections.Counter[str] = collections.Counter()
        """How many requests each service has got, discovery and tokens apart."""
        self._retry_seconds = retry_seconds
        self._endpoints: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def project_id(self) -> str:
        """The project that the credentials belong to."""
        return self._patiently(f"cloud {self.name}", self._session.get_project_id)

    def listing(self, service: str, path: str, key: str, **query: t.Any) -> list[dict[str, t.Any]]:
        """All objects of a listing, page by page. `key` is the name of the list in the answer."""
        found: list[dict[str, t.Any]] = []
        query.setdefault("limit", PAGE)
        while True:
            answer = self.get(service, path, **query)
            found += answer[key]
            following = answer.get("next") if service == "image" else any(link["rel"] == "next" for link in answer.get(f"{key}_links", []))
            if not following or not answer[key]:
                return found
            last = answer[key][-1]
            query["marker"] = last["id"] if "id" in last else last["keypair"]["name"]

    def get(self, service: str, path: str, **query: t.Any) -> dict[str, t.Any]:
        return self.request("GET", service, path, params=query)

    def put(self, service: str, path: str, body: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        return self.request("PUT", service, path, json=body)

    def delete(self, service: str, path: str) -> bool:
        """True if the object was there."""
        try:
            self.request("DELETE", service, path)
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True

    def post(self, service: str, path: str, body: dict[str, t.Any]) -> dict[str, t.Any]:
        """Ask once, and again only after an answer which says that nothing was begun; NoAnswer if nobody knows."""
        return self.request("POST", service, path, json=body)

    def create(self, service: str, path: str, body: dict[str, t.Any], find: t.Callable[[], dict[str, t.Any] | None]) -> dict[str, t.Any]:
        """The answer to a POST. After none, `find` looks for the object by the mark that it carries, before it is asked again.

        What `find` returns has the same shape as the answer.
        """
        deadline = time.monotonic() + self._retry_seconds
        for pause in pauses():
            try:
                return self.post(service, path, body)
            except NoAnswer:
                # What was accepted may take a moment to be listed.
                time.sleep(pause)
                if (found := find()) is not None:
                    return found
                if time.monotonic() > deadline:
                    raise
        raise AssertionError("pauses never end")

    def request(self, method: str, service: str, path: str, **arguments: t.Any) -> dict[str, t.Any]:
        """The answer's JSON. Raises ApiError, or NoAnswer for a POST of unknown outcome.

        What may be asked twice without harm is asked again for a while, with growing pauses or after what Retry-After says.
        """
        what = f"cloud {self.name}: {method} {service} {path}"
        url = self._endpoint(service) + path
        headers = {"Accept": "application/json"}
        if service in MICROVERSIONS:
            headers["OpenStack-API-Version"] = MICROVERSIONS[service]
        began = time.monotonic()
        deadline = began + self._retry_seconds
        for pause in pauses():
            with self._lock:
                self.requests[service] += 1
            status, reason, wait, begun = 0, "", None, True
            try:
                answer = self._session.request(url, method, headers=headers, raise_exc=False, connect_retries=0, status_code_retries=0, **arguments)
                if answer.status_code < 400:
                    return answer.json() if answer.content else {}
                status, reason, wait = answer.status_code, message_of(answer.text), retry_after(answer.headers.get("Retry-After"))
                begun = status != 429
            except keystoneauth1.exceptions.Unauthorized as error:
                raise CloudError(f"cloud {self.name}: the credentials are refused: {error.message}") from error
            except NO_ANSWER as error:
                reason, begun = str(error), "NewConnectionError" not in str(error)
            except keystoneauth1.exceptions.ClientException as error:
                # The token had to be renewed, and Keystone did not answer.
                reason, begun = str(error), False
            if status and status not in PASSING:
                raise ApiError(status, reason, what)
            if method == "POST" and begun:
                raise NoAnswer(f"{what}: no answer: {reason} ({status or 'connection lost'})")
            if time.monotonic() + (wait or pause) > min(deadline, began + RETRY_SECONDS_500 if status == 500 else deadline):
                raise CloudError(f"{what}: given up after {time.monotonic() - began:.0f} s: {reason}{f' ({status})' if status else ''}")
            time.sleep(pause if wait is None else wait)
        raise AssertionError("pauses never end")

    def _endpoint(self, service: str) -> str:
        """The versioned address of a service, found once."""
        with self._lock:
            if service not in self._endpoints:
                url = self._region.get_endpoint(service) or self._patiently(f"cloud {self.name}: endpoint of {service}", lambda: self._discover(service))
                self._endpoints[service] = url.rstrip("/")
            return self._endpoints[service]

    def _discover(self, service: str) -> str:
        major = MAJOR_VERSIONS[service]
        region = self._region
        wanted = {"service_type": service, "interface": region.get_interface(service), "region_name": region.region_name}
        if self._session.get_endpoint(**wanted, skip_discovery=True) is None:
            raise CloudError(f"cloud {self.name}: its catalog has no endpoint for {service} (interface {wanted['interface']}, region {wanted['region_name']})")
        found = self._session.auth.get_endpoint_data(self._session, **wanted, min_version=(major, 0), max_version=(major, "latest"))
        # Where the versions could not be read, keystoneauth gives the address without one.
        if found is None or found.api_version is None:
            raise keystoneauth1.exceptions.DiscoveryFailure(f"the endpoint of {service} does not tell its versions")
        return found.url

    def _patiently(self, what: str, ask: t.Callable[[], t.Any]) -> t.Any:
        """Ask Keystone or a discovery document, again and again while there is no answer."""
        deadline = time.monotonic() + self._retry_seconds
        for pause in pauses():
            try:
                return ask()
            except keystoneauth1.exceptions.Unauthorized as error:
                raise CloudError(f"cloud {self.name}: the credentials are refused: {error.message}") from error
            except keystoneauth1.exceptions.HttpError as error:
                if error.http_status < 500 and error.http_status != 429 or time.monotonic() + pause > deadline:
                    raise CloudError(f"{what}: {error}") from error
            except (*NO_ANSWER, keystoneauth1.exceptions.DiscoveryFailure) as error:
                if time.monotonic() + pause > deadline:
                    raise CloudError(f"{what}: given up after {self._retry_seconds:.0f} s: {error}") from error
            except (keystoneauth1.exceptions.ClientException, openstack.exceptions.ConfigException) as error:
                raise CloudError(f"{what}: {error}") from error
            time.sleep(pause)
        raise AssertionError("pauses never end")


def together(*questions: t.Callable[[], t.Any]) -> list[t.Any]:
    """The answers to questions that do not depend on each other, asked at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda ask: ask(), questions))


def pauses() -> t.Iterator[float]:
    """Seconds to wait before the next try: 0.5, 1, 2 ... 20, each up to a quarter more or less, so that callers part."""
    seconds = 0.5
    while True:
        yield seconds * random.uniform(0.75, 1.25)
        seconds = min(20.0, 2 * seconds)


def retry_after(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), at most 120; None without one."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), 120.0)


def message_of(text: str) -> str:
    """What an error answer says: each service wraps it in its own way."""
    try:
        body = json.loads(text)
    except ValueError:
        return text.strip()[:300] or "no reason given"
    if isinstance(body, dict):
        inner = next(iter(body.values()), body)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, dict):
            return str(inner.get("message") or inner.get("detail") or inner)[:600]
        return str(body.get("message") or inner)[:600]
    return str(body)[:300]
