"""One case: everything on one connection, with SMBConnection as its own examples use it."""

import io
import os
import sys

from impacket.smbconnection import SMBConnection

server, share, name = os.environ["SERVER"], os.environ["SHARE"], os.environ["FILE"]
with open(os.environ["LOGIN"], encoding="utf-8") as file:
    user, domain, password = (file.read().split("\n") + ["", "", ""])[:3]

CONTENT = b"countersign was here: a file that is written, read and deleted\n"


def drive():
    connection = SMBConnection(server, server, sess_port=445, timeout=10)
    connection.login(user, password, domain)
    tree = connection.connectTree(share)
    connection.disconnectTree(tree)
    print("did: mount", flush=True)
    # putFile, getFile and deleteFile each connect the share for themselves.
    connection.putFile(share, name, io.BytesIO(CONTENT).read)
    print("did: write", flush=True)
    received = io.BytesIO()
    connection.getFile(share, name, received.write)
    if received.getvalue() != CONTENT:
        sys.exit("what was read is not what was written")
    print("did: read", flush=True)
    connection.deleteFile(share, name)
    print("did: delete", flush=True)
    connection.logoff()
    connection.close()


try:
    drive()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
