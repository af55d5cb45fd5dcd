from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from reconciler.errors import FixInputError
from reconciler.kea.access import Credentials, Settings, TlsFiles, read_credentials, read_settings
from reconciler.model import Thresholds
from reconciler.redaction import HIDDEN, Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "kanarienvogel-7f3a"


def written(folder: Path, text: str, *, name: str = "file.toml", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def complaints(read: Callable[[Path], object], path: Path) -> list[tuple[int, int, str]]:
    """Line, column and rule of every problem; nothing secret is in any of them."""
    with pytest.raises(FixInputError) as caught:
        read(path)
    assert CANARY not in str(caught.value)
    assert {problem.position.file for problem in caught.value.problems} == {str(path)}
    return [(problem.position.line, problem.position.column, problem.rule) for problem in caught.value.problems]


# ------------------------------------------------------------------------------------------- settings


def test_all_settings(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [network]
        allow = ["192.0.2.0/24", "2001:db8::/32", "127.0.0.1"]
        allow-basic-auth-over-plain-http = true
        allow-unix-sockets = true
        [limits]
        connect-seconds = 1
        answer-seconds = 2.5
        configuration-seconds = 600
        reply-bytes = 1048576
        concurrency = 7
        """,
        mode=0o644,
    )
    assert read_settings(path) == Settings(
        allow=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"), ip_network("127.0.0.1/32")),
        allow_basic_auth_over_plain_http=True,
        allow_unix_sockets=True,
        connect_seconds=1.0,
        answer_seconds=2.5,
        configuration_seconds=600.0,
        reply_bytes=1_048_576,
        concurrency=7,
    )


def test_a_key_for_plans_is_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    settings = written(tmp_path, '[plans]\nkey-file = "plan.key"\n[limits]\nplan-hours = 2\n', mode=0o644)
    written(tmp_path, f"{CANARY}\n", name="plan.key")
    found = read_settings(settings)
    assert (found.plan_key, found.plan_hours) == (CANARY, 2.0)
    assert CANARY not in repr(found)
    for text, mode in ((CANARY, 0o644), (CANARY[:15], 0o600)):
        written(tmp_path, text, name="plan.key", mode=mode)
        assert complaints(read_settings, settings) == [(2, 1, "settings-file")]
    written(tmp_path, "[plans]\nkey-file = 1\n")
    assert complaints(read_settings, tmp_path / "file.toml") == [(2, 1, "settings-file")]


def test_thresholds_that_are_left_out_have_their_defaults(tmp_path: Path) -> None:
    text = "[thresholds]\ndeleted-share = 0.5\nchanged = 20\n"
    assert read_settings(written(tmp_path, text)).thresholds == Thresholds(deleted_share=0.5, changed=20)
    wrong = written(tmp_path, "[thresholds]\ndeleted-share = 1.1\nleast = 0\nshare = 1\n")
    assert complaints(read_settings, wrong) == [
        (2, 1, "settings-value"),
        (3, 1, "settings-value"),
        (4, 1, "settings-key"),
    ]


def test_an_empty_settings_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "")) == Settings()


def test_an_empty_list_of_networks_allows_nothing(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "[network]\nallow = []\n")).allow == ()


def test_every_problem_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "[network]\n"
        'allow = ["192.0.2.1/24", 7, "169.254.1.0/24", "nonsense"]\n'
        "allow-basic-auth-over-plain-http = 1\n"
        "  allowed = []\n"
        "[limits]\n"
        "connect-seconds = nan\n"
        "answer-seconds = true\n"
        "reply-bytes = 10.5\n"
        "concurrency = 0\n"
        "[netwrk]\n",
    )
    assert complaints(read_settings, path) == [
        (2, 1, "settings-value"),
        (2, 1, "settings-value"),
        (2, 1, "settings-value"),
        (2, 1, "settings-value"),
        (3, 1, "settings-value"),
        (4, 3, "settings-key"),
        (6, 1, "settings-value"),
        (7, 1, "settings-value"),
        (8, 1, "settings-value"),
        (9, 1, "settings-value"),
        (10, 1, "settings-key"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[network]\nallow = \n", (2, 9, "settings-toml")),
        ("[network]\nallow = [", (2, 1, "settings-toml")),
        ('[a]\n[b]\n"x" = 1\n"x" = 2\n', (4, 8, "settings-toml")),
        ("network = 3\n", (1, 1, "settings-value")),
        ('[network]\nallow = "192.0.2.0/24"\n', (2, 1, "settings-value")),
    ],
)
def test_what_is_no_settings_file_is_told_with_its_place(
    tmp_path: Path, text: str, complaint: tuple[int, int, str]
) -> None:
    assert complaints(read_settings, written(tmp_path, text)) == [complaint]


def test_a_missing_huge_or_binary_file_is_a_problem(tmp_path: Path) -> None:
    assert complaints(read_settings, tmp_path / "none.toml") == [(1, 1, "settings-file")]
    assert complaints(read_settings, tmp_path) == [(1, 1, "settings-file")]
    assert complaints(read_settings, written(tmp_path, "#" * 1_048_577)) == [(1, 1, "settings-file")]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert complaints(read_settings, tmp_path / "binary") == [(1, 1, "settings-file")]


# ---------------------------------------------------------------------------------------- credentials


def test_credentials_by_origin(tmp_path: Path) -> None:
    written(tmp_path, f"{CANARY}\n", name="password")
    path = written(
        tmp_path,
        f"""
        ["HTTP://192.0.2.10"]
        user = "a"
        password = "{CANARY}"
        ["https://Kea-B.example.net.:8443/"]
        user = "b"
        password-file = "password"
        """,
    )
    credentials = read_credentials(path)
    assert set(credentials.logins) == {"http://192.0.2.10:80", "https://kea-b.example.net:8443"}
    assert credentials.login("http://192.0.2.10:80").password == CANARY
    assert credentials.login("https://kea-b.example.net:8443").password == CANARY
    assert credentials.login("https://kea-b.example.net:8443").user == "b"
    assert credentials.login("http://192.0.2.10:8000").password is None


def test_credentials_show_nothing_and_teach_the_scrubber(tmp_path: Path) -> None:
    path = written(tmp_path, f'["http://192.0.2.10:80"]\nuser = "a"\npassword = "{CANARY}"\n')
    credentials = read_credentials(path)
    assert CANARY not in repr(credentials) + repr(credentials.login("http://192.0.2.10:80"))
    scrubber = Scrubber()
    credentials.teach(scrubber)
    assert scrubber.scrub(f"x {CANARY}") == f"x {HIDDEN}"


def test_tls_files_are_relative_to_the_credentials_and_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("client.example.net")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    written(tmp_path, certificate.private_key_pem.bytes().decode(), name="key.pem", mode=0o640)
    text = '["https://192.0.2.10"]\nca-file = "ca.pem"\ncert-file = "cert.pem"\nkey-file = "key.pem"\n'
    credentials = read_credentials(written(tmp_path, text))
    files = (str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    assert credentials == Credentials(credentials.logins)
    assert credentials.login("https://192.0.2.10:443").tls == TlsFiles(*files)
    (tmp_path / "key.pem").chmod(0o644)
    assert complaints(read_credentials, tmp_path / "file.toml") == [(4, 1, "credentials-file")]
    written(tmp_path, "no key at all", name="key.pem")
    assert complaints(read_credentials, tmp_path / "file.toml") == [(1, 1, "credentials-tls")]


def test_an_encrypted_key_is_a_problem_and_no_question_on_the_terminal(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as pem

    certificate = trustme.CA().issue_cert("client.example.net")
    key = pem.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    locked = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"x"))
    written(tmp_path, locked.decode(), name="key.pem")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    text = '["https://192.0.2.10"]\ncert-file = "cert.pem"\nkey-file = "key.pem"\n'
    assert complaints(read_credentials, written(tmp_path, text)) == [(1, 1, "credentials-tls")]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o601, 0o610, 0o602])
def test_credentials_that_others_have_any_permission_on_are_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, "", mode=mode)
    assert complaints(read_credentials, path) == [(1, 1, "credentials-file")]
    written(tmp_path, "secret", name="password", mode=mode)
    text = '["http://192.0.2.10"]\nuser = "a"\npassword-file = "password"\n'
    assert complaints(read_credentials, written(tmp_path, text, name="good")) == [(3, 1, "credentials-file")]


def test_credentials_must_be_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert complaints(read_credentials, tmp_path / "pipe") == [(1, 1, "credentials-file")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_credentials_of_another_user_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    os.chown(path, 65534, 65534)
    assert complaints(read_credentials, path) == [(1, 1, "credentials-file")]


def test_every_problem_of_the_credentials_is_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "\n", name="empty")
    path = written(
        tmp_path,
        f'loose = "{CANARY}"\n'
        '["http://192.0.2.1:8000"]\n'
        'user = "a:b"\n'
        f'password = "{CANARY}"\n'
        'password-file = "empty"\n'
        '["http://192.0.2.1:8000/"]\n'
        'ca-file = "missing.pem"\n'
        f'["http://u:{CANARY}@192.0.2.2"]\n'
        '["unix:/run/kea.sock"]\n'
        '["http://192.0.2.3/api"]\n'
        '["https://192.0.2.4"]\n'
        f'pasword = "{CANARY}"\n'
        "user = 5\n"
        'key-file = "missing.pem"\n',
    )
    assert complaints(read_credentials, path) == [
        (1, 1, "credentials-key"),
        (3, 1, "credentials-value"),
        (4, 1, "credentials-pair"),
        (5, 1, "credentials-file"),
        (6, 1, "credentials-origin"),
        (7, 1, "credentials-file"),
        (8, 1, "credentials-origin"),
        (9, 1, "credentials-origin"),
        (10, 1, "credentials-origin"),
        (11, 1, "credentials-pair"),
        (11, 1, "credentials-pair"),
        (12, 1, "credentials-key"),
        (13, 1, "credentials-value"),
        (14, 1, "credentials-file"),
    ]


def test_tls_files_for_plain_http_are_a_mistake(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    path = written(tmp_path, '["http://192.0.2.1:8000"]\nca-file = "ca.pem"\n')
    assert complaints(read_credentials, path) == [(1, 1, "credentials-tls")]


def test_a_password_that_lost_its_quotes_is_not_repeated(tmp_path: Path) -> None:
    path = written(tmp_path, f'["http://192.0.2.1:8000"]\nuser = "a"\npassword = {CANARY}\n')
    assert complaints(read_credentials, path) == [(3, 12, "credentials-toml")]


# ------------------------------------------------------------------------- credentials that systemd hands over


@pytest.mark.parametrize(
    ("owner", "mode", "is_elsewhere", "is_taken"),
    [
        (0, 0o440, False, True),
        (0, 0o440, True, False),
        (0, 0o444, False, False),
        (0, 0o460, False, False),
        (1, 0o440, False, False),
    ],
)
def test_what_systemd_hands_over_is_read_although_an_acl_looks_like_a_group_s_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, is_elsewhere: bool, is_taken: bool
) -> None:
    path = written(tmp_path, f'["https://kea-a.example"]\nuser = "ctrl"\npassword = "{CANARY}"\n', mode=mode)
    real, own = os.fstat, os.geteuid()

    def of_owner(descriptor: int) -> os.stat_result:
        found = list(real(descriptor)[:10])
        found[4] = owner and own + owner
        return os.stat_result(found)

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "other" if is_elsewhere else tmp_path))
    monkeypatch.setattr("reconciler.kea.access_toml.os.fstat", of_owner)
    if is_taken:
        assert read_credentials(path)
    else:
        assert [rule for _, _, rule in complaints(read_credentials, path)] == ["credentials-file"]
