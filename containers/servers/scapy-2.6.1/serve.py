"""Reads the account and the configuration that were copied in, forgets the account, and becomes the server."""

import configparser
import os

from scapy.layers.ntlm import NTLMSSP, MD4le
from scapy.layers.smbserver import SMBShare, smbserver
from scapy.layers.spnego import SPNEGOSSP

ACCOUNT = "/countersign/account"

with open(ACCOUNT, encoding="utf-8") as file:
    user, password = file.read().splitlines()[:2]
os.remove(ACCOUNT)

config = configparser.ConfigParser()
config.read("/countersign/server.ini")
server = config["server"]

if server.getboolean("account"):
    guest = False
    ssp = SPNEGOSSP([NTLMSSP(IDENTITIES={user: MD4le(password)})])
else:
    # What it does itself where it is given no SSP: whoever comes is a guest.
    guest = True
    ssp = None
del password

smbserver(
    shares=[SMBShare(name=name, path=path) for name, path in config["shares"].items()],
    iface="eth0",
    port=445,
    readonly=False,
    ssp=ssp,
    GUEST_LOGIN=guest,
    REQUIRE_SIGNATURE=server.getboolean("signing"),
)
