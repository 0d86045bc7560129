# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""An issuer of tokens, for tests only: `issuer.py serve` answers for its keys with the certificate of this host, `issuer.py token AUDIENCE SCOPE
[SUBJECT [SECONDS]]` writes a token that is good for so long. What it needs lies beside it, and belongs to whom the directory belongs.

Its keys can be had without https as well, as something that proxies may keep.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time

URL = f"https://{socket.gethostname()}:9443"
PLACE = pathlib.Path(__file__).resolve().parent
KEY = PLACE / "key.pem"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def serve() -> None:
    web = PLACE / "web"
    (web / ".well-known").mkdir(parents=True, exist_ok=True)
    if not KEY.exists():
        subprocess.run(["openssl", "genrsa", "-out", KEY, "2048"], check=True)
    modulus = subprocess.run(["openssl", "rsa", "-in", KEY, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout.strip().split("=")[1]
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "test", "e": "AQAB", "n": encode(bytes.fromhex(modulus))}
    (web / "jwks").write_text(json.dumps({"keys": [key]}))
    (web / ".well-known" / "openid-configuration").write_text(json.dumps({"issuer": URL, "jwks_uri": f"{URL}/jwks"}))
    os.chown(KEY, PLACE.stat().st_uid, -1)
    answers = functools.partial(http.server.SimpleHTTPRequestHandler, directory=web)
    threading.Thread(target=http.server.ThreadingHTTPServer(("", 8000), answers).serve_forever, daemon=True).start()
    server = http.server.ThreadingHTTPServer(("", 9443), answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/etc/grid-security/hostcert.pem", "/etc/grid-security/hostkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def token(audience: str, scope: str, subject: str = "tester", seconds: str = "1200") -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now + min(0, int(seconds)), "exp": now + int(seconds)}
    claims = {"iss": URL, "sub": subject, "aud": audience, "scope": scope, **times, "wlcg.ver": "1.0", "jti": str(now)}
    signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "test"}, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=signed.encode(), check=True, capture_output=True).stdout
    return f"{signed}.{encode(signature)}"


if sys.argv[1] == "serve":
    serve()
else:
    print(token(*sys.argv[2:]))
