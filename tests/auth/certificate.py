"""A source that only talks to who shows a certificate of its own authority: Python's ssl checks it.

The first line is where the certificates lie that trustme made, the second the address.
"""

import os
import ssl
import sys

import trustme

from pages import Refused, Source, options, serve

folder = sys.argv[2]
authority, other = trustme.CA(), trustme.CA()
server = authority.issue_cert("127.0.0.1")
authority.cert_pem.write_to_path(os.path.join(folder, "authority.pem"))
for name, of in (("client", authority), ("stranger", other)):
    issued = of.issue_cert(f"{name}@lakehead.example")
    issued.private_key_pem.write_to_path(os.path.join(folder, f"{name}.key"))
    with open(os.path.join(folder, f"{name}.pem"), "wb") as file:
        for blob in issued.cert_chain_pems:
            file.write(blob.bytes())

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.configure_cert(context)
authority.configure_trust(context)
context.verify_mode = ssl.CERT_REQUIRED


class Certificate(Source):
    def guard(self, request):
        subject = request.connection.getpeercert()["subjectAltName"]
        if ("email", "client@lakehead.example") not in subject:
            raise Refused(403, {}, {"detail": "another certificate"})
        bearer = self.options.get("bearer")
        if bearer and request.headers.get("Authorization") != f"Bearer {bearer}":
            raise Refused(401)


serve(Certificate(options()), lambda socket: context.wrap_socket(socket, server_side=True))
