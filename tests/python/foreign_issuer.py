"""PyJWT as an issuer: a key set and tokens about one subject, in every algorithm that is taken and two that are not."""

import json
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import algorithms

issuer, audience, subject = sys.argv[1:4]
keys = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS256": rsa.generate_private_key(65537, 3072),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "RS512": rsa.generate_private_key(65537, 2048),
}
forms = {"RS": algorithms.RSAAlgorithm, "PS": algorithms.RSAAlgorithm, "ES": algorithms.ECAlgorithm, "Ed": algorithms.OKPAlgorithm}
published, tokens = [], {}
now = int(time.time())
claims = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + 300}
for name, key in keys.items():
    jwk = json.loads(forms[name[:2]].to_jwk(key.public_key()))
    # PyJWT tells what a key is for; the issuers that are met here leave out more than that.
    published.append({**{k: v for k, v in jwk.items() if k not in ("alg", "key_ops")}, "kid": name, "use": "sig"})
    tokens[name] = jwt.encode(claims, key, algorithm=name, headers={"kid": name})
tokens["HS256"] = jwt.encode(claims, "a secret that is long enough for PyJWT", algorithm="HS256", headers={"kid": "RS256"})
print(json.dumps({"jwks": {"keys": published}, "tokens": tokens}))
