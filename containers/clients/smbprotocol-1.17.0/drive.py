"""One case: everything on one connection, with the package's smbclient, its high-level interface."""

import logging
import os
import signal
import sys

import smbclient
from smbprotocol.tree import TreeConnect

server, share, name = os.environ["SERVER"], os.environ["SHARE"], os.environ["FILE"]
with open(os.environ["LOGIN"], encoding="utf-8") as file:
    user, domain, password = (file.read().split("\n") + ["", "", ""])[:3]

CONTENT = b"countersign was here: a file that is written, read and deleted\n"

# SIGNING is what is passed for require_signing; nothing leaves it as it comes.
options = {}
if os.environ["SIGNING"]:
    options["require_signing"] = {"True": True, "False": False}[os.environ["SIGNING"]]
# Without a name it does not log on at all: whom the server does not know is a guest there.
if user:
    account = f"{domain}\\{user}" if domain else user
else:
    account = "guest"


class OneLine(logging.Formatter):
    """What the package logs, without the traceback it adds."""

    def formatException(self, ei):
        return ""


handler = logging.StreamHandler()
handler.setFormatter(OneLine("%(message)s"))
logging.getLogger("smbprotocol").addHandler(handler)


def late(*_):
    # It waits for an answer as long as it takes, and at the end once more.
    print("smbprotocol was ended after 15 seconds", file=sys.stderr, flush=True)
    os._exit(1)


signal.signal(signal.SIGALRM, late)
signal.alarm(15)


def drive():
    session = smbclient.register_session(
        server, username=account, password=password, port=445, connection_timeout=10, auth_protocol="ntlm", **options
    )
    # What is connected already is what the calls below use.
    TreeConnect(session, rf"\\{server}\{share}").connect()
    print("did: mount", flush=True)
    path = rf"\\{server}\{share}\{name}"
    with smbclient.open_file(path, mode="xb") as file:
        file.write(CONTENT)
    print("did: write", flush=True)
    with smbclient.open_file(path, mode="rb") as file:
        received = file.read()
    if received != CONTENT:
        sys.exit("what was read is not what was written")
    print("did: read", flush=True)
    smbclient.remove(path)
    print("did: delete", flush=True)


status = 0
try:
    drive()
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    status = 1
try:
    smbclient.reset_connection_cache()
except Exception as error:
    print(f"at the end, {type(error).__name__}: {error}", file=sys.stderr, flush=True)
# The thread that receives may still wait.
os._exit(status)
