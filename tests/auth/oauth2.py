"""A source behind OAuth 2.0: Authlib's authorization server gives the tokens.

Client credentials (Basic header, form, JSON), refresh tokens that are replaced each time, and RFC 7523's JWT
bearer. `lifetime` is what tokens say of themselves, `uses` after how many requests one is void.
"""

import os
import secrets
import time
import json
from urllib.parse import parse_qs

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerGrant

from pages import Refused, Source, options, serve

WANTED = options()


class Client(ClientMixin):
    def get_client_id(self):
        return WANTED["client_id"]

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_client_secret(self, secret):
        return secrets.compare_digest(secret, WANTED.get("client_secret", ""))

    def check_endpoint_auth_method(self, method, endpoint):
        source.stats[f"by_{method}"] += 1
        return method == WANTED.get("method", "client_secret_basic")

    def check_grant_type(self, grant_type):
        return True


class Token(TokenMixin):
    def __init__(self, scope=""):
        self.scope = scope

    def check_client(self, client):
        return True

    def get_scope(self):
        return self.scope


class Credentials(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class Refresh(RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    def authenticate_refresh_token(self, refresh_token):
        if refresh_token not in source.refresh_tokens:
            source.count("void_refresh_tokens")
            return None
        token = Token()
        token.value = refresh_token
        return token

    def authenticate_user(self, refresh_token):
        return "someone"

    def revoke_old_credential(self, refresh_token):
        source.refresh_tokens.discard(refresh_token.value)


class Assertion(JWTBearerGrant):
    def resolve_issuer_client(self, issuer):
        return Client() if issuer == WANTED["client_id"] else None

    def resolve_client_public_key(self, client):
        return WANTED["public_key"]

    def get_audiences(self):
        return [WANTED["audience"]]

    def authenticate_user(self, subject):
        return subject

    def has_granted_permission(self, client, user):
        return True


class Incoming(OAuth2Request):
    def __init__(self, method, uri, headers, pairs):
        super().__init__(method, uri, headers=headers)
        self.payload = BasicOAuth2Payload(pairs)

    @property
    def args(self):
        return {}

    @property
    def form(self):
        return self.payload.data


class Server(AuthorizationServer):
    def query_client(self, client_id):
        return Client() if client_id == WANTED["client_id"] else None

    def save_token(self, token, request):
        source.tokens[token["access_token"]] = WANTED.get("uses", 1_000_000)
        source.given.append(token["access_token"])
        if "refresh_token" in token:
            source.given.append(token["refresh_token"])
            source.refresh_tokens.add(token["refresh_token"])

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        return status, dict(headers), body

    def send_signal(self, name, *args, **kwargs):
        pass


class OAuth2(Source):
    def __init__(self, wanted):
        super().__init__(wanted)
        self.tokens = {}
        self.refresh_tokens = {wanted["refresh_token"]} if "refresh_token" in wanted else set()
        self.server = Server()
        for grant in (Credentials, Refresh, Assertion):
            self.server.register_grant(grant)
        generator = BearerTokenGenerator(
            lambda *_, **__: secrets.token_urlsafe(32),
            lambda *_, **__: secrets.token_urlsafe(32),
            lambda *_: wanted.get("lifetime", 3600),
        )
        self.server.register_token_generator("default", generator)

    def post(self, request):
        if request.path != "/oauth/token":
            return None
        self.count("tokens")
        if request.headers["Content-Type"] == "application/json":
            self.count("as_json")
            pairs = json.loads(request.body)
        else:
            pairs = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        for name, value in self.options.get("parameters", {}).items():
            if pairs.get(name) != value:
                return 400, {}, {"error": "invalid_request", "error_description": name}
        incoming = Incoming("POST", request.url, request.headers, pairs)
        if self.options.get("delay"):
            time.sleep(self.options["delay"])
        return self.server.create_token_response(incoming)

    def guard(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        with self.lock:
            left = self.tokens.get(token, 0)
            if token in self.tokens:
                self.tokens[token] = left - 1
        if scheme != "Bearer" or left <= 0:
            raise Refused(401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


source = OAuth2(WANTED)
serve(source)
