"""One case: everything on one connection, with SMBConnection."""

import io
import os
import sys

from smb.SMBConnection import SMBConnection

server, share, name = os.environ["SERVER"], os.environ["SHARE"], os.environ["FILE"]
with open(os.environ["LOGIN"], encoding="utf-8") as file:
    user, domain, password = (file.read().split("\n") + ["", "", ""])[:3]

CONTENT = b"countersign was here: a file that is written, read and deleted\n"

# SIGNING is the name of what is passed for sign_options; nothing leaves it as it comes.
options = {}
if os.environ["SIGNING"]:
    options["sign_options"] = getattr(SMBConnection, os.environ["SIGNING"])


def drive():
    connection = SMBConnection(user, password, "countersign", server, domain=domain, is_direct_tcp=True, **options)
    if not connection.connect(server, 445, timeout=10):
        # That is all it says of a logon that failed.
        sys.exit("connect returned False")
    try:
        # The first call connects the share as part of what it does.
        connection.storeFile(share, name, io.BytesIO(CONTENT), timeout=10)
    finally:
        if share in connection.connected_trees:
            print("did: mount", flush=True)
    print("did: write", flush=True)
    received = io.BytesIO()
    connection.retrieveFile(share, name, received, timeout=10)
    if received.getvalue() != CONTENT:
        sys.exit("what was read is not what was written")
    print("did: read", flush=True)
    connection.deleteFiles(share, name, timeout=10)
    print("did: delete", flush=True)
    connection.close()


try:
    drive()
except Exception as error:
    # Its message goes on with every byte that was sent and received: of those, the commands and their status.
    first, *more = str(error).splitlines() or [""]
    kept = [line.strip() for line in more if line.startswith(("Command: ", "Status: "))]
    sys.exit("\n".join([f"{type(error).__name__}: {first}", *kept]))
