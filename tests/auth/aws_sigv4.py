"""A source that takes AWS signatures: botocore signs what was received once more, and both must agree."""

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pages import Refused, Source, options, serve


class SigV4(Source):
    def guard(self, request):
        wanted = self.options
        header = request.headers.get("Authorization", "")
        algorithm, _, rest = header.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        time = request.headers.get("X-Amz-Date", "")
        scope = f"{wanted['id']}/{time[:8]}/{wanted['region']}/{wanted['service']}/aws4_request"
        signed = parts.get("SignedHeaders", "").split(";")
        if algorithm != "AWS4-HMAC-SHA256" or parts.get("Credential") != scope:
            raise Refused(403, {}, {"message": "scope"})
        must = {"host", "x-amz-date"} | ({"x-amz-security-token"} if wanted.get("token") else set())
        if not must <= set(signed):
            raise Refused(403, {}, {"message": "signed headers"})
        if wanted.get("token") != request.headers.get("X-Amz-Security-Token"):
            raise Refused(403, {}, {"message": "token"})
        again = AWSRequest(request.method, request.url, data=request.body)
        for name in signed:
            again.headers[name] = request.headers[name]
        again.context["timestamp"] = time
        kind = S3SigV4Auth if wanted["service"] == "s3" else SigV4Auth
        signer = kind(Credentials(wanted["id"], wanted["key"]), wanted["service"], wanted["region"])
        # The digest that the client names has to be that of what came.
        if request.headers.get("X-Amz-Content-SHA256", signer.payload(again)) != signer.payload(again):
            raise Refused(403, {}, {"message": "content"})
        canonical = signer.canonical_request(again)
        signature = signer.signature(signer.string_to_sign(again, canonical), again)
        if signature != parts["Signature"]:
            raise Refused(403, {}, {"message": "signature", "canonical": canonical})


serve(SigV4(options()))
