"""Reads the account and the configuration that were copied in, forgets the account, and becomes the server.

What `smbserver.py` of the same package does, but that the password comes in a file and not in the arguments.
"""

import configparser
import logging
import os

from impacket.ntlm import compute_lmhash, compute_nthash
from impacket.smbserver import SimpleSMBServer

ACCOUNT = "/countersign/account"

with open(ACCOUNT, encoding="utf-8") as file:
    user, password = file.read().splitlines()[:2]
os.remove(ACCOUNT)

config = configparser.ConfigParser()
config.read("/countersign/server.ini")
server_section = config["server"]

# INFO prints the NTLM response of every logon, in a form that is made to be attacked.
logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")

server = SimpleSMBServer(listenAddress="0.0.0.0", listenPort=445)
for name, path in config["shares"].items():
    server.addShare(name.upper(), path)
server.setSMB2Support(server_section.getboolean("smb2"))
server.setSMBChallenge("")
# Without an account every logon is a guest's.
if server_section.getboolean("account"):
    server.addCredential(user, 0, compute_lmhash(password), compute_nthash(password))
del password
server.start()
