"""Reads the account and the configurations that were copied in, forgets the account, and becomes a server for each."""

import configparser
import os

from scapy.layers.ntlm import NTLMSSP, MD4le
from scapy.layers.smbserver import SMBShare, smbserver
from scapy.layers.spnego import SPNEGOSSP

ACCOUNT = "/countersign/account"
SERVERS = "/countersign/servers"


def serve(number, user, hash):
    """The server with this configuration, at its own port and with directories of its own. Returns when it ends."""
    config = configparser.ConfigParser()
    config.read(f"{SERVERS}/{number}")
    server = config["server"]

    if server.getboolean("account"):
        guest = False
        ssp = SPNEGOSSP([NTLMSSP(IDENTITIES={user: hash})])
    else:
        # What it does itself where it is given no SSP: whoever comes is a guest.
        guest = True
        ssp = None

    shares = []
    for name, directory in config["shares"].items():
        path = f"/srv/{number}/{directory}"
        os.makedirs(path)
        shares.append(SMBShare(name=name, path=path))

    # What it says of every packet takes a tenth of its time; what goes wrong in it is said all the same.
    smbserver(
        verb=0,
        shares=shares,
        iface="eth0",
        port=444 + number,
        readonly=False,
        ssp=ssp,
        GUEST_LOGIN=guest,
        REQUIRE_SIGNATURE=server.getboolean("signing"),
    )


with open(ACCOUNT, encoding="utf-8") as file:
    user, password = file.read().splitlines()[:2]
os.remove(ACCOUNT)
hash = MD4le(password)
del password

# To load scapy takes a second; a process that is forked from one that has it is there at once.
servers = {}
for number in sorted(int(name) for name in os.listdir(SERVERS)):
    child = os.fork()
    if child == 0:
        serve(number, user, hash)
        os._exit(0)
    servers[child] = number

while servers:
    child, status = os.wait()
    if child in servers:
        ended = os.waitstatus_to_exitcode(status)
        print(f"scapy with the configuration {servers.pop(child)} ended with status {ended}")
