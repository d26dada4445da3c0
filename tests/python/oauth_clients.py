"""authlib as a client in its three ways, PyJWT as a resource server, against a running gateway."""

import json
import sys
import time

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

given = json.load(open(sys.argv[1]))
url, admin = given["url"], {"Authorization": f"Bearer {given['admin']}"}
endpoint = f"{url}/oauth2/token"
metadata = requests.get(f"{url}/.well-known/oauth-authorization-server").json()
assert metadata["token_endpoint"] == endpoint and metadata["issuer"] == url, metadata


def verify(token, client_id):
    """As a resource server does that knows the issuer and its own name."""
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
    required = ["exp", "iat", "iss", "aud", "sub", "jti"]
    claims = jwt.decode(
        token, key.key, algorithms=[key.algorithm_name], audience="bizfirstgo-api", issuer=url, options={"require": required}
    )
    assert claims["sub"] == client_id and claims["is_service_account"] is True, claims
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


def session(account, secret, method):
    return OAuth2Session(account["client_id"], secret, token_endpoint_auth_method=method)


def refused(attempt):
    """One more refusal, whatever the library makes of it."""
    global refusals
    try:
        attempt()
    except Exception as error:  # authlib has a class for each code, and one for what it does not know
        assert "invalid_client" in str(error), repr(error)
        refusals += 1
        return
    raise AssertionError("it was given a token")


clients = refusals = 0
basic, post, rsa, ec = given["accounts"]

for account in (basic, post):
    token = session(account, account["secret"], account["method"]).fetch_token(endpoint, grant_type="client_credentials")
    verify(token["access_token"], account["client_id"])
    clients += 1
    other = post if account is basic else basic
    refused(lambda: session(account, "wrong", account["method"]).fetch_token(endpoint, grant_type="client_credentials"))
    refused(lambda: session(account, account["secret"], other["method"]).fetch_token(endpoint, grant_type="client_credentials"))

keys = {
    "RS256": (rsa, RSAKey.generate_key(2048, {"kid": "r"}, private=True)),
    "ES256": (ec, ECKey.generate_key("P-256", {"kid": "e"}, private=True)),
}
for alg, (account, key) in keys.items():
    registered = requests.post(
        f"{url}/passport/admin/managed-identities/{account['id']}/keys",
        headers=admin,
        json={"jwk": {**key.as_dict(private=False), "alg": alg}},
    )
    assert registered.status_code == 201, registered.text

    def ask(audience, key=key, alg=alg, account=account):
        client = session(account, key, "private_key_jwt")
        # By itself the library takes the token endpoint for the audience, and an hour for the life of an assertion.
        claims = {"exp": int(time.time()) + 60}
        client.register_client_auth_method(PrivateKeyJWT(audience, claims, headers={"kid": key.kid}, alg=alg))
        return client.fetch_token(endpoint, grant_type="client_credentials")

    verify(ask(url)["access_token"], account["client_id"])
    clients += 1
    refused(lambda: ask(endpoint))
    stranger = ECKey.generate_key("P-256", {"kid": key.kid}, private=True)
    refused(lambda: ask(url, key=stranger, alg="ES256"))
    now = int(time.time())
    expired = jwt.encode(
        {"iss": account["client_id"], "sub": account["client_id"], "aud": url, "exp": now - 600, "jti": "1"},
        key.as_pem(private=True),
        algorithm=alg,
        headers={"kid": key.kid},
    )
    answer = requests.post(
        endpoint,
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": expired,
        },
    )
    assert answer.status_code == 401 and answer.json()["error"] == "invalid_client", answer.text
    refusals += 1

print(f"{clients} clients, {refusals} refusals")
