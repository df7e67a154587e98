"""Prints key pairs that the library `cryptography` made, the private key in every form of PEM that is read."""

import json

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def pair(key):
    def private(form):
        return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "public": public.decode(),
        "pkcs8": private(PrivateFormat.PKCS8),
        "traditional": private(PrivateFormat.TraditionalOpenSSL),
    }


print(
    json.dumps(
        {
            "rs256": pair(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
            "es256": pair(ec.generate_private_key(ec.SECP256R1())),
            "es384": pair(ec.generate_private_key(ec.SECP384R1())),
        }
    )
)
