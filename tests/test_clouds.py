"""Google Cloud Storage and Azure in the hands of users, and who they are to S3, Google and Azure: keys, files, nobody."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import azure_server
import gcs_server
import numpy as np
import pytest
import zarr
from builders import SOUND, V2, V3
from funlib.geometry import Roi
from test_remote import GROUP3, on_disk, put, told, tree
from test_stores import FAILURES

import zmeta
from zmeta import ArrayIdentifier, Config, StoreError, ZarrArray, add_metadata
from zmeta.cli.main import main
from zmeta.nodes.write import Change, write
from zmeta.stores import object_, remote
from zmeta.stores.registry import exists, list_folders, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud import Cloud

# --- the same as on a disk ----------------------------------------------------------------------------------------------


def test_check_and_show_say_what_they_say_of_a_folder(
    cloud: Cloud, container: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = tree()
    put(cloud, container, {f"t/{key}": data for key, data in documents.items()})
    on_disk(tmp_path / "t", documents)
    monkeypatch.chdir(tmp_path)
    local = zmeta.check("t", config=Config())
    cloud.behave()
    there = zmeta.check(f"{container}/t", config=cloud.config())
    assert len(local.findings) > 25
    assert told(there, f"{container}/t") == told(local, "t")
    asked = [unquote(line) for line in cloud.log()]
    assert not [line for line in asked if "prefix=t/v3/sound" in line or "/c/0" in line]
    assert [line for line in asked if "prefix=t/v3/" in line]
    main(["show", str(tmp_path / "t"), "--format", "json"])
    shown = capsys.readouterr().out.replace(str(tmp_path), "")
    main(["show", f"{container}/t", "--format", "json", *cloud.words])
    assert capsys.readouterr().out.replace(container, "") == shown


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_is_made_written_and_read(cloud: Cloud, container: str, zarr_format: Any) -> None:
    identifier = ArrayIdentifier(container=f"{container}/lab.zarr", dataset="volumes/raw")
    roi, config = Roi((400, 0, -80), (160, 20, 24)), cloud.config()
    array = ZarrArray.create_from_array_identifier(
        identifier,
        ["z", "y", "x"],
        roi,
        None,
        (40, 4, 4),
        "uint8",
        zarr_format=zarr_format,
        units="nanometer",
        config=config,
    )
    values = np.arange(120, dtype="uint8").reshape(4, 5, 6)
    array[roi] = values
    array.attrs["by"] = "me"
    add_metadata(f"{container}/lab.zarr/volumes/raw", {"stain": "OTO"}, config=config)
    again = ZarrArray.open_from_array_identifier(identifier, config=config)
    assert (again.to_ndarray() == values).all()
    assert (again.roi, again.attrs["by"], again.attrs["stain"]) == (roi, "me", "OTO")


def test_a_store_of_zarr_python_is_written_on_conditions(cloud: Cloud, container: str) -> None:
    put(cloud, container, {"a/zarr.json": {**V3, "attributes": SOUND}})
    store = zarr.storage.ObjectStore(cloud.store(container))
    add_metadata(ArrayIdentifier(container=store, dataset="a"), {"stain": "OTO"})  # type: ignore[arg-type]
    assert zarr.open_array(store, path="a", mode="r").attrs["stain"] == "OTO"


# --- what fails ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "words"), FAILURES, ids=lambda how: str(how) if isinstance(how, dict) else "")
def test_failure_is_not_absence(cloud: Cloud, container: str, how: dict[str, Any], words: str) -> None:
    cloud.store(container).put("a/zarr.json", b"{}")
    cloud.behave(**how)
    asks: list[Callable[[str], object]] = [read] if "hang" in how else [read, exists, list_folders]
    limits = {"max_retries": "0" if "hang" in how else "1", "timeout": "1"}
    with remote.using({**cloud.options, **limits}):
        for ask in asks:
            with pytest.raises(StoreError, match="cannot") as caught:
                ask(f"{container}/absent/zarr.json")
            assert words in caught.value.hint
            assert caught.value.where == f"{container}/absent/zarr.json"
    limited = [word for key, value in limits.items() for word in ("--store-option", f"{key}={value}")]
    assert main(["check", f"{container}/a", *cloud.words, *limited]) == 2


def test_a_bucket_that_is_not_there_is_no_absence(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.behave()
    url = f"{cloud.scheme}://no-such-bucket"
    asks: list[Callable[[str], object]] = [read, exists, list_folders]
    for retries, ask in enumerate(asks):
        options = {**cloud.options, "max_retries": str(retries)}  # a store that has not met its bucket
        with remote.using(options), pytest.raises(StoreError, match="no such bucket"):
            ask(f"{url}/a/zarr.json")
    with remote.using(cloud.options), pytest.raises(StoreError, match="no such bucket"):
        remote.store_of(f"{url}/a")[0].put("a", b"", None)
    assert main(["check", f"{url}/a", *cloud.words]) == 2
    assert "no such bucket" in capsys.readouterr().err


def test_one_document_that_is_refused_is_a_finding(cloud: Cloud, container: str) -> None:
    put(cloud, container, {"g/zarr.json": GROUP3, "g/a/zarr.json": V3, "g/b/zarr.json": V3})
    cloud.behave(deny="/g/a/zarr.json")
    report = zmeta.check(f"{container}/g", config=cloud.config(), select=["ZM007"])
    assert [(finding.code, finding.file) for finding in report] == [("ZM007", f"{container}/g/a/zarr.json")]


@pytest.mark.parametrize("how", [{"error": 0.2}, {"busy": 0.2}, {"lost": 0.2}, {"cut": 0.2}], ids=str)
def test_faults_that_pass_change_nothing(cloud: Cloud, container: str, how: dict[str, float]) -> None:
    put(cloud, container, {f"t/{key}": data for key, data in tree().items()})
    expected = told(zmeta.check(f"{container}/t", config=cloud.config()), container)
    cloud.behave(**how, seed=1)
    config = cloud.config(store_options={"retry_timeout": "61"})
    assert told(zmeta.check(f"{container}/t", config=config), container) == expected


@pytest.mark.parametrize("how", [{"lost": 1}, {"late_error": 1}], ids=str)
def test_a_change_whose_answer_is_lost_has_happened_once(cloud: Cloud, container: str, how: dict[str, Any]) -> None:
    put(cloud, container, {"a.json": b"0"})
    with remote.using({**cloud.options, "max_retries": "1"}):
        assert write([Change(f"{container}/a.json", b"0", b"1"), Change(f"{container}/first.json", None, b"1")])
        for method in ("PUT", "DELETE", "POST"):  # Azure removes by POST
            cloud.behave(**how, only=method)
            assert write([Change(f"{container}/a.json", b"1", b"2"), Change(f"{container}/new.json", None, b"2")])
            assert (read(f"{container}/a.json"), read(f"{container}/new.json")) == (b"2", b"2")
            assert write([Change(f"{container}/a.json", b"2", b"1"), Change(f"{container}/new.json", b"2", None)])
            assert (read(f"{container}/a.json"), read(f"{container}/new.json")) == (b"1", None)


@pytest.mark.parametrize("name", ["s3", "gs", "az", "azurite"])
def test_after_a_lost_answer_it_is_read_before_it_is_sent_again(request: pytest.FixtureRequest, name: str) -> None:
    """A write that is sent again blindly fails on its own condition, when others may have written the same key already."""
    cloud: Cloud = request.getfixturevalue(name)
    cloud.behave()
    url = cloud.bucket(f"bucket-{os.urandom(4).hex()}")
    put(cloud, url, {"a/zarr.json": V3})
    add_metadata(f"{url}/a", {"stain": 0}, config=cloud.config())
    cloud.behave(lost=0.5, error=0.3, only="PUT", seed=3)
    for index in range(1, 6):
        add_metadata(f"{url}/a", {"stain": index}, config=cloud.config())
    methods = [line.partition(" ")[0] for line in cloud.log() if unquote(line).endswith("/a/zarr.json")]
    cloud.behave()
    assert methods.count("PUT") > 5
    assert ("PUT", "PUT") not in pairwise(methods)


def test_a_store_that_takes_one_write_in_a_while_is_waited_for(gs: Cloud) -> None:
    """Google takes about one write a second to one object, and says 429 to more."""
    gs.behave()
    url = gs.bucket("bucket-pace")
    put(gs, url, {"a/zarr.json": V3})
    gs.behave(pace=0.3)
    config = gs.config()

    def add(writer: int) -> None:
        for index in range(2):
            add_metadata(f"{url}/a", {f"key_{writer}_{index}": 1}, config=config)

    threads = [threading.Thread(target=add, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gs.behave()
    assert len(json.loads(bytes(gs.store(url).get("a/zarr.json").bytes()))["attributes"]) == 4


@pytest.mark.parametrize("name", ["gs", "az"])
@pytest.mark.parametrize("how", ["unconditional", "unimplemented"])
@pytest.mark.parametrize("condition", ["match", "absent"])
def test_another_maker_s_store_without_conditions_is_refused(
    request: pytest.FixtureRequest, name: str, how: str, condition: str
) -> None:
    cloud: Cloud = request.getfixturevalue(name)
    cloud.behave()
    container = cloud.bucket(f"bucket-{how}-{condition}")
    put(cloud, container, {"a/.zarray": V2} | ({"a/.zattrs": {"kept": 1}} if condition == "match" else {}))
    cloud.behave(**{how: True})
    config = cloud.config(store_options={"max_retries": "0", "retry_timeout": f"{len(how)}{len(condition)}"})
    with pytest.raises(StoreError, match="no conditional writes"):
        add_metadata(f"{container}/a", {"stain": 1}, config=config)
    keys = {entry["path"] for entry in cloud.store(container).list_with_delimiter("a")["objects"]}
    assert keys == ({"a/.zarray", "a/.zattrs"} if condition == "match" else {"a/.zarray"})
    cloud.behave()


def test_a_blob_that_is_leased_is_no_conflict(az: Cloud) -> None:
    az.behave()
    url = az.bucket("bucket-leased")
    with remote.using(az.options), pytest.raises(StoreError, match="cannot write the object") as caught:
        remote.store_of(f"{url}/leased/a")[0].put("leased/a", b"", ('"0x1"', None))
    assert "lease" in caught.value.hint


# --- who one is ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without credentials; returns the home folder."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def account(private_key: str, **more: Any) -> dict[str, Any]:
    return {"type": "service_account", "client_email": gcs_server.ACCOUNT, "private_key": private_key,
            "private_key_id": "1", "client_id": "1", "auth_uri": "", "token_uri": "", **more}  # fmt: skip


@pytest.fixture
def private(gs: Cloud) -> str:
    gs.behave()
    url = gs.bucket(f"private-{os.urandom(4).hex()}")
    put(gs, url, {"a/zarr.json": V3})
    return url


@pytest.mark.parametrize(
    "variable", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY", "gcloud", ""]
)
def test_accounts_of_google(
    gs: Cloud, private: str, nobody: Path, private_key: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.dumps(account(private_key, gcs_base_url=gs.straight))
    if variable in ("GOOGLE_APPLICATION_CREDENTIALS", "gcloud"):
        known = json.dumps(account(private_key))
        monkeypatch.setenv("GOOGLE_BASE_URL", gs.straight)
    (nobody / "account.json").write_text(known)
    words = ["--store-option", f"service_account={nobody / 'account.json'}"]
    if variable == "gcloud":  # where it writes what a log-in gives
        on_disk(nobody / ".config" / "gcloud", {"application_default_credentials.json": known.encode()})
        words = []
    elif variable:
        monkeypatch.setenv(variable, known if variable.endswith("KEY") else str(nobody / "account.json"))
        words = []
    assert main(["check", f"{private}/a", "--quiet", *words]) == 0


def test_accounts_of_google_that_are_none(
    gs: Cloud, private: str, nobody: Path, private_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (nobody / "other.json").write_text(json.dumps(account(private_key, gcs_base_url=gs.straight, client_email="else@x")))
    (nobody / "broken.json").write_text("{")
    for words, said in (
        (f"service_account={nobody / 'other.json'}", "check the credentials"),
        (f"service_account={nobody / 'broken.json'}", "the options of the store are wrong"),
        (f"service_account={nobody / 'none.json'}", "none.json"),
        (f"application_credentials={nobody / 'none.json'}", "none.json"),
        ("bearer_token=wrong", "check the credentials"),
        ("anonymous=true", "check the credentials"),
    ):
        assert main(["check", f"{private}/a", "--store-option", words, "--store-option", f"base_url={gs.straight}"]) == 2
        assert said in capsys.readouterr().err


AZURE: dict[str, dict[str, str]] = {
    "key": {"AZURE_STORAGE_ACCOUNT_NAME": azure_server.ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": azure_server.KEY,
            "AZURE_STORAGE_ENDPOINT": "{endpoint}"},
    "of the command line": {"AZURE_STORAGE_ACCOUNT": azure_server.ACCOUNT, "AZURE_STORAGE_KEY": azure_server.KEY,
                            "AZURE_STORAGE_ENDPOINT": "{endpoint}"},
    "signature": {"AZURE_STORAGE_ACCOUNT_NAME": azure_server.ACCOUNT, "AZURE_STORAGE_ENDPOINT": "{endpoint}",
                  "AZURE_STORAGE_SAS_TOKEN": "sv=2023-11-03&sp=rl&sig=testing"},
    "token": {"AZURE_STORAGE_ACCOUNT_NAME": azure_server.ACCOUNT, "AZURE_STORAGE_ENDPOINT": "{endpoint}",
              "AZURE_STORAGE_TOKEN": azure_server.TOKEN},
    "connection": {"AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName={azure_server.ACCOUNT};"
                   f"AccountKey={azure_server.KEY};BlobEndpoint={{endpoint}};"},
    "connection by signature": {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName={azure_server.ACCOUNT};"
                                "BlobEndpoint={endpoint};SharedAccessSignature=sv=2023-11-03&sp=rl&sig=testing"},
}  # fmt: skip


@pytest.fixture
def closed(az: Cloud) -> str:
    az.behave()
    url = az.bucket(f"private-{os.urandom(4).hex()}")
    put(az, url, {"a/zarr.json": V3})
    return url


@pytest.mark.parametrize("given", AZURE)
def test_keys_of_azure(az: Cloud, closed: str, nobody: Path, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AZURE[given].items():
        monkeypatch.setenv(name, value.format(endpoint=az.options["endpoint"]))
    assert main(["check", f"{closed}/a", "--quiet"]) == 0


def test_keys_of_azure_as_options(az: Cloud, closed: str, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=other;AccountKey=b3RoZXI=")
    text = AZURE["connection"]["AZURE_STORAGE_CONNECTION_STRING"].format(endpoint=az.options["endpoint"])
    assert main(["check", f"{closed}/a", "--quiet", "--store-option", f"connection_string={text}"]) == 0
    assert main(["check", f"{closed}/a", "--quiet", *az.words]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"account_key": "b3RoZXI="}, "check the credentials"),
        ({"sas_key": "sv=1&sig=c2VjcmV0"}, "check the credentials"),
        ({"anonymous": "true"}, "of what is not public"),
        ({"connection_string": "nonsense"}, "connection string of Azure cannot be used"),
    ],
    ids=str,
)
def test_keys_of_azure_that_are_none(
    az: Cloud, closed: str, nobody: Path, options: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"account_name": azure_server.ACCOUNT, "endpoint": az.options["endpoint"], **options}
    words = [word for key, value in given.items() for word in ("--store-option", f"{key}={value}")]
    for command in (["check", f"{closed}/a"], ["show", f"{closed}/a"], ["check", f"{closed}/absent"], ["check", closed]):
        assert main([*command, *words]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert "c2VjcmV0" not in err


def test_public_buckets_need_nobody(gs: Cloud, az: Cloud, nobody: Path) -> None:
    for cloud in (gs, az):
        cloud.behave()
        url = cloud.bucket(f"public-{os.urandom(4).hex()}")
        put(cloud, url, {"a/zarr.json": V3})
        address = {key: value for key, value in cloud.options.items() if key in ("base_url", "endpoint", "account_name")}
        config = Config(store_options={**address, "anonymous": "true"})
        assert zmeta.check(f"{url}/a", config=config).summary.arrays == 1


def test_an_address_of_a_connection_string() -> None:
    text = "AccountName=lab;AccountKey=a2V5;EndpointSuffix=core.usgovcloudapi.net"
    store = object_.open_store("az://c", {"connection_string": text})._store
    assert store.config["account_name"] == "lab"
    assert store.config["endpoint"] == "https://lab.blob.core.usgovcloudapi.net"
    signed = "BlobEndpoint=https://lab.blob.core.windows.net;SharedAccessSignature=sig=a"
    assert object_.open_store("az://c", {"connection_string": signed})._store.config["account_name"] == "lab"


# --- S3 -----------------------------------------------------------------------------------------------------------------


def aws(home: Path, config: str, keys: str) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text(config)
    (home / ".aws" / "credentials").write_text(keys)


LAB = "[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = s%e=c\naws_session_token = t\n"
DEFAULT = "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = secret\n"


@pytest.mark.parametrize(
    ("environment", "options", "key"),
    [
        ({}, {}, "AKIADEFAULT"),
        ({"AWS_PROFILE": "lab"}, {}, "AKIALAB"),
        ({}, {"profile": "lab"}, "AKIALAB"),
        ({"AWS_PROFILE": "lab", "AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "e"}, {}, "AKIAENV"),
        ({"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "e"}, {"profile": "lab"}, "AKIALAB"),
        ({"AWS_PROFILE": "lab"}, {"access_key_id": "AKIAOPTION", "secret_access_key": "o"}, "AKIAOPTION"),
    ],
    ids=str,
)
def test_profiles_of_the_aws_tools(
    s3: Cloud, bucket: str, nobody: Path, environment: dict[str, str], options: dict[str, str], key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    aws(nobody, "[profile lab]\nregion = eu-central-1\n", LAB + DEFAULT)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "boto3", None)  # plain keys need none
    put(s3, bucket, {"a/zarr.json": V3})
    config = Config(store_options={**options, "endpoint": s3.proxied})
    assert zmeta.check(f"{bucket}/a", config=config).summary.arrays == 1
    used = object_.open_store(bucket, options)._store.config
    assert used.get("access_key_id", environment.get("AWS_ACCESS_KEY_ID")) == key
    assert used.get("region") == ("eu-central-1" if key == "AKIALAB" else None)


def test_anonymous_readers_of_s3_sign_nothing(nobody: Path) -> None:
    aws(nobody, "", DEFAULT)
    store = object_.open_store("s3://bucket", {"anonymous": "true", "profile": "lab"})._store
    assert "access_key_id" not in store.config


def test_a_profile_with_a_role_is_left_to_boto3(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws(nobody, "[profile lab]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\nregion = eu-west-3\n", DEFAULT)
    store = object_.open_store("s3://bucket", {"profile": "lab"})._store
    assert store.config["region"] == "eu-west-3"
    assert type(store.credential_provider).__name__ == "Boto3CredentialProvider"
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(zmeta.MissingExtraError, match="needs boto3"):
        object_.open_store("s3://bucket", {"profile": "lab"})
    with pytest.raises(zmeta.MissingExtraError, match="there is no such profile"):
        object_.open_store("s3://bucket", {"profile": "none"})


# --- nobody -------------------------------------------------------------------------------------------------------------


@contextmanager
def silence() -> Iterator[tuple[str, list[socket.socket]]]:
    """Listen, take connections, and say nothing: yields the address, and the connections."""
    taken: list[socket.socket] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", taken
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("s3://bucket/a", {"metadata_endpoint": "http://{silent}"}, "AWS_ACCESS_KEY_ID"),
        ("gs://bucket/a", {}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://bucket/a", {"account_name": "lab", "msi_endpoint": "http://{silent}/metadata/identity"}, "AZURE_STORAGE"),
    ],
)
def test_without_credentials_it_says_so_and_does_not_wait(
    url: str, options: dict[str, str], words: str, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is not in the cloud nothing answers at the address of its credentials."""
    monkeypatch.setattr(object_, "_QUICK", {"timeout": "200ms", "connect_timeout": "200ms"})
    with silence() as (silent, taken):
        monkeypatch.setenv("GCE_METADATA_HOST", silent)
        monkeypatch.setenv("GCE_METADATA_IP", silent)
        store = object_.open_store(
            url.removesuffix("/a"), {key: value.format(silent=silent) for key, value in options.items()}
        )
        with pytest.raises(StoreError, match="there are no credentials") as caught:
            store.read("a/zarr.json")
    assert words in caught.value.hint
    assert "anonymous=true" in caught.value.hint
    assert "max_retries: 8" not in caught.value.found
    assert 1 <= len(taken) <= 6  # Google has two addresses
