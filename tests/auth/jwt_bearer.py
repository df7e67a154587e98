"""A source that takes JSON Web Tokens as they are: PyJWT checks signature, audience, lifetime and key."""

import jwt

from pages import Refused, Source, options, serve


class Jwt(Source):
    def __init__(self, wanted):
        super().__init__(wanted)
        self.names = set()

    def guard(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            assert scheme == "Bearer"
            assert jwt.get_unverified_header(token)["kid"] == self.options["key_id"]
            claims = jwt.decode(
                token,
                self.options["public_key"],
                algorithms=[self.options["algorithm"]],
                audience=self.options["audience"],
                issuer=self.options["issuer"],
                options={"require": ["exp", "iat", "iss", "aud", "jti"]},
            )
            assert claims["exp"] - claims["iat"] == self.options["lifetime"]
        except (AssertionError, KeyError, jwt.PyJWTError) as fault:
            raise Refused(401, {}, {"detail": repr(fault)}) from fault
        if claims["jti"] not in self.names:
            self.names.add(claims["jti"])
            self.given.append(token)
            self.count("tokens")


serve(Jwt(options()))
