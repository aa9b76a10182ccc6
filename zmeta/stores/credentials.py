"""Where credentials of object stores come from: options, the environment, and the files of the tools of each cloud.

obstore finds most of them on its own, and asks the machine in the cloud (169.254.169.254) where it finds none. What users
have besides is put into its options here: profiles of the AWS tools, and the connection strings of Azure.
"""

from __future__ import annotations

import json
import os
import re
from configparser import ConfigParser
from configparser import Error as ParserError
from typing import TYPE_CHECKING, Any

from zmeta.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What tells that an address is the one where a machine in the cloud gives credentials.
_OF_MACHINES = re.compile(
    r"169\.254\.(169\.254|170\.2)|metadata\.google\.internal|/computeMetadata/|/latest/api/token|/metadata/identity"
)
#: Variables, and options, of credentials that need no machine in the cloud; for others obstore asks it.
_GIVEN = {
    "s3": ("access_key_id",),
    "gs": ("service_account", "application_credentials", "bearer_token"),
    "az": ("account_key", "access_key", "master_key", "sas_", "token", "client_secret", "use_emulator"),
}
_STARTS = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile=NAME; anonymous=true for public buckets",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud; anonymous=true for public buckets",
    "az": "set AZURE_STORAGE_ACCOUNT_KEY, _SAS_TOKEN or _CONNECTION_STRING; anonymous=true for public containers",
}
#: Names of the parts of a connection string, and of the variables of Azure's command line, as obstore calls them.
_AZURE_PARTS = {"accountname": "account_name", "accountkey": "account_key", "blobendpoint": "endpoint",
                "sharedaccesssignature": "sas_key"}  # fmt: skip
_AZURE_CLI = {"AZURE_STORAGE_ACCOUNT": "account_name", "AZURE_STORAGE_KEY": "account_key"}


def credentials(kind: str, options: dict[str, str]) -> dict[str, Any]:
    """Complete the options of a store, and return what obstore takes besides; raises `ConfigError`."""
    if "skip_signature" in options:
        options.pop("profile", "")
        return {}
    if kind == "az":
        _azure(options)
    profile = options.pop("profile", "")
    if kind == "s3" and not profile and not any("access_key_id" in key for key in _given("s3", options)):
        profile = os.environ.get("AWS_PROFILE", "") or _default_profile()
    return _profile(profile, options) if profile else {}


def asks_the_machine(kind: str, options: dict[str, str], found: dict[str, Any]) -> bool:
    """Whether nothing gives credentials but, perhaps, the machine in the cloud on which this runs."""
    if kind not in _GIVEN or found or "skip_signature" in options:
        return False
    return not any(name in key for key in _given(kind, options) for name in _GIVEN[kind])


def hint_without(kind: str, text: str) -> str:
    """Return what to do where an error tells that the machine gives no credentials; nothing for other errors."""
    told = "credential" in text.lower() or _OF_MACHINES.search(text)
    return _HINTS.get(kind, "give credentials, or anonymous=true") if told else ""


def addresses(kind: str, options: dict[str, str]) -> Iterator[str]:
    """Yield the addresses of a store of another maker, where options, the environment or an account name one."""
    given = {key.lower(): value for key, value in os.environ.items() if key.startswith(_STARTS.get(kind, "-"))} | options
    for key, value in given.items():
        if value and (("endpoint" in key and not _of_machines(key)) or "base_url" in key):
            yield value
    for key in ("service_account", "service_account_path", "service_account_key"):
        account = options.get(key, "") or given.get(f"google_{key}", "")
        if kind == "gs" and account:
            yield from _base_url(account)


def _of_machines(key: str) -> bool:
    return any(word in key for word in ("metadata", "msi", "identity", "sts", "fabric"))


def _base_url(account: str) -> Iterator[str]:
    """Yield the address that a service account, its JSON or the file of it, names; obstore tells of a broken one."""
    try:
        if not account.lstrip().startswith("{"):
            with open(account, encoding="utf-8") as file:
                account = file.read()
        url = json.loads(account).get("gcs_base_url")
    except (OSError, ValueError, AttributeError):
        return
    if url:
        yield str(url)


def _given(kind: str, options: dict[str, str]) -> list[str]:
    return [*options, *(key.lower() for key, value in os.environ.items() if value and key.startswith(_STARTS[kind]))]


# --- Azure --------------------------------------------------------------------------------------------------------------


def _azure(options: dict[str, str]) -> None:
    """Put into the options what Azure's own tools take: a connection string, and names of variables that obstore lacks."""
    text = options.pop("connection_string", "")
    if not text and not any(key in options for key in _AZURE_PARTS.values()):
        text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    if text:
        for key, value in _connection(text).items():
            options.setdefault(key, value)
        return
    known = _given("az", options)
    for variable, key in _AZURE_CLI.items():
        if os.environ.get(variable) and not any(name.endswith(key) for name in known):
            options[key] = os.environ[variable]


def _connection(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return {"use_emulator": "true"}
    found = {key: parts[name] for name, key in _AZURE_PARTS.items() if parts.get(name)}
    account, suffix = found.get("account_name", ""), parts.get("endpointsuffix", "")
    if account and suffix not in ("", "core.windows.net"):
        found.setdefault("endpoint", f"{parts.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}")
    if not account and "endpoint" in found:  # one with a signature need not name the account
        found["account_name"] = found["endpoint"].partition("://")[2].partition(".")[0]
    if not found.get("account_name"):
        expected = "AccountName=…;AccountKey=…, or BlobEndpoint=…;SharedAccessSignature=…"
        raise ConfigError("the connection string of Azure cannot be used", expected=expected)
    return found


# --- the AWS tools ------------------------------------------------------------------------------------------------------


def _default_profile() -> str:
    """Return `default` where the files of the AWS tools have keys in it, and nothing else says who this is."""
    if any(os.environ.get(name) for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                             "AWS_CONTAINER_CREDENTIALS_FULL_URI")):  # fmt: skip
        return ""
    return "default" if _section("default").keys() >= _KEYS else ""


def _profile(name: str, options: dict[str, str]) -> dict[str, Any]:
    """Return what obstore takes for a profile. Plain keys are read here; boto3 is for roles, SSO and the like."""
    section = _section(name)
    region = section.get("region", "")
    if region and not any("region" in key for key in options):
        options["region"] = region
    if section.keys() >= _KEYS and "role_arn" not in section:
        options |= {key: section[key] for key in (*_KEYS, "aws_session_token") if key in section}
        return {}
    try:
        from boto3 import Session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        what = "a profile without keys of its own needs boto3" if section else "there is no such profile"
        raise MissingExtraError(what, found=name, hint="pip install boto3") from None
    try:
        return {"credential_provider": Boto3CredentialProvider(Session(profile_name=name))}
    except Exception as error:  # boto3 raises what it likes
        raise ConfigError("the profile cannot be used", expected="a profile of ~/.aws", found=f"{name}: {error}") from None


_KEYS = {"aws_access_key_id", "aws_secret_access_key"}


def _section(name: str) -> dict[str, str]:
    """Return what the two files of the AWS tools say of a profile."""
    config = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    keys = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    found: dict[str, str] = {}
    for file, section in ((config, name if name == "default" else f"profile {name}"), (keys, name)):
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(os.path.expanduser(file), encoding="utf-8")
        except (OSError, ValueError, ParserError):
            continue
        found |= dict(parser[section]) if parser.has_section(section) else {}
    return found
