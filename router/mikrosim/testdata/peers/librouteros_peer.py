"""Talks to a simulated router with librouteros, another implementation of the RouterOS API.

Usage: librouteros_peer.py HOST PORT TLS_PORT CERTIFICATE VERSION
Ends with an assertion error if the router does not behave as RouterOS of that version does.
"""
import ssl
import sys

from librouteros import connect
from librouteros.exceptions import FatalError, TrapError
from librouteros.login import plain, token
from librouteros.query import And, Key, Or

host, port, tls_port, certificate, version = sys.argv[1:]
old = version.startswith("6.4")


def log_in(**more):
    # This librouteros counts characters, not bytes, so non-ASCII text needs an encoding of one byte a character.
    arguments = {"port": int(port), "encoding": "latin-1", "login_method": token if old else plain, **more}
    return connect(host, more.pop("username", "qserve"), more.pop("password", "qserve"), **arguments)


def trap_of(*sentence):
    try:
        tuple(api.rawCmd(*sentence))
    except TrapError as trap:
        return str(trap)
    raise AssertionError(f"{sentence} was not refused")


api = log_in()
try:
    connect(host, "qserve", "wrong", port=int(port), login_method=token if old else plain)
    raise AssertionError("a wrong password was taken")
except TrapError as trap:
    want = "cannot log in" if old else "invalid user name or password (6)"
    assert str(trap).startswith(want), trap

secrets = api.path("ppp", "secret")
assert tuple(secrets) == (), tuple(secrets)  # with !empty in between since 7.18

ids = [secrets.add(name=name, password="pässwörd=1", service="pppoe", comment="«né»") for name in ("ann", "bob", "eve")]
assert ids == ["*1", "*2", "*3"], ids
long = "x" * 20000
secrets.update(**{".id": ids[1], "comment": long, "disabled": True})
rows = {row["name"]: row for row in secrets}
assert set(rows) == {"ann", "bob", "eve"}
assert rows["ann"]["comment"] == "«né»" and rows["bob"]["comment"] == long
assert rows["bob"]["disabled"] is True and rows["ann"]["disabled"] is False
assert not any("password" in row or "remote-address" in row for row in rows.values())

name, disabled, service = Key("name"), Key("disabled"), Key("service")


def names(*where):
    return sorted(row["name"] for row in secrets.select(name).where(*where))


assert names(name == "ann") == ["ann"]
assert names(name != "ann") == ["bob", "eve"]
assert names(Or(name == "ann", name == "eve")) == ["ann", "eve"]
assert names(And(disabled == True, service == "pppoe")) == ["bob"]  # noqa: E712
assert names(name.In("bob", "eve", "nobody")) == ["bob", "eve"]
assert names(disabled == False, name > "ann") == ["eve"]  # noqa: E712

assert trap_of("/ppp/secret/add", "=name=ann") == "failure: secret with the same name already exists"
assert trap_of("/ppp/secret/set", "=.id=*99", "=comment=x") == "no such item (4)"
assert trap_of("/ppp/secret/add", "=name=x", "=profile=none").startswith("input does not match any value of profile")
assert trap_of("/nothing/print").startswith("no such command")

secrets.remove(*ids)
assert tuple(secrets) == ()

try:
    tuple(api("/quit"))
    raise AssertionError("/quit was answered with something else than !fatal")
except FatalError as fatal:
    assert str(fatal) == "session terminated on request", fatal

context = ssl.create_default_context(cafile=certificate)
secure = log_in(port=int(tls_port), ssl_wrapper=lambda sock: context.wrap_socket(sock, server_hostname=host))
assert tuple(secure.path("system", "resource"))[0]["version"] == version + " (stable)"
secure.close()
