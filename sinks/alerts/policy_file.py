"""Reads and checks the policy file: what is wrong is one line with its place."""

import tomllib
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from operators.model.errors import ConfigError
from sinks.alerts.channels.channel_config import secrets_of
from sinks.alerts.policy_config import PolicyConfig, RouteConfig
from sinks.alerts.strict_toml import Refused, read_table

ROUTES_MAX: Final = 500
DEPTH_MAX: Final = 16
RECEIVERS_MAX: Final = 200
FILE_BYTES_MAX: Final = 1_000_000


def load_policy(path: Path, secrets: Collection[str] = ()) -> PolicyConfig:
    """The policy of a file.

    Args:
        path: TOML file in the form of config/alerts.toml.
        secrets: Names of the secrets that are set, lower case.

    Raises:
        ConfigError: It cannot be read, or something in it cannot be used.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"alerts.policy: {path} cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: expected at most {FILE_BYTES_MAX:,} bytes, found more")
    try:
        return parse_policy(data.decode(), secrets)
    except (Refused, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_policy(text: str, secrets: Collection[str] = ()) -> PolicyConfig:
    """The policy of a text. Raises Refused."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"not TOML: {error}") from None
    except RecursionError:
        raise Refused("nested too deeply") from None
    policy: PolicyConfig = read_table(PolicyConfig, tables, "")
    _check_receivers(policy, secrets)
    nodes = list(_nodes(policy.route, "route", 1))
    if len(nodes) > ROUTES_MAX:
        raise Refused(f"route: expected at most {ROUTES_MAX} routes, found {len(nodes)}")
    for place, route in nodes:
        for name in route.receivers or ():
            if name not in policy.receivers:
                raise Refused(f"{place}.receivers: {_unknown('receiver', name, policy.receivers)}")
    _check_unreached(nodes)
    return policy


def _check_receivers(policy: PolicyConfig, secrets: Collection[str]) -> None:
    if len(policy.receivers) > RECEIVERS_MAX:
        raise Refused(f"receivers: expected at most {RECEIVERS_MAX}, found {len(policy.receivers)}")
    for name, receiver in policy.receivers.items():
        place = f"receivers.{name}"
        for quiet in receiver.quiet_hours:
            if quiet not in policy.quiet_hours:
                said = _unknown("quiet hours", quiet, policy.quiet_hours)
                raise Refused(f"{place}.quiet_hours: {said}")
        for secret in secrets_of(receiver.channel):
            if secret.lower() not in secrets:
                variable = f"IFD_ALERTS__SECRETS__{secret.upper()}"
                raise Refused(
                    f"{place}.{receiver.channel_name}: secret {secret!r} is not set; "
                    f"set the environment variable {variable}"
                )


def _check_unreached(nodes: list[tuple[str, RouteConfig]]) -> None:
    """A route that takes everything hides its later siblings: surely not meant."""
    everything = RouteConfig().match
    for place, route in nodes:
        for n, child in enumerate(route.routes[:-1]):
            if child.match == everything and not child.continue_:
                raise Refused(
                    f"{place}.routes[{n + 1}]: never reached, because routes[{n}] takes "
                    "everything; give that one a match or continue = true"
                )


def _nodes(route: RouteConfig, place: str, depth: int) -> Iterator[tuple[str, RouteConfig]]:
    if depth > DEPTH_MAX:
        raise Refused(f"{place}: expected at most {DEPTH_MAX} routes inside each other")
    yield place, route
    for n, child in enumerate(route.routes):
        yield from _nodes(child, f"{place}.routes[{n}]", depth + 1)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    return f"no {what} {name!r}; {hint}"
