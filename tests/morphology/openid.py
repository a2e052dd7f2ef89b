"""A small OpenID provider on loopback: discovery, authorisation code with PKCE, tokens, user info. It checks what it is
sent, as a strict one would."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt

CLIENT_ID, SECRET = "voorwerp-tests", "between us"
KEY = secrets.token_hex(32)


class Provider(ThreadingHTTPServer):
    """`person` are the claims of whoever signs in there; `refusals` is what was wrong with what it was asked."""

    def __init__(self, person: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.person = person
        self.granted: dict[str, dict[str, str]] = {}
        self.refusals: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """What SOCIALACCOUNT_PROVIDERS says of it."""
        app = {"provider_id": "loopback", "name": "Loopback", "client_id": CLIENT_ID, "secret": SECRET}
        app["settings"] = {"server_url": self.url, **more}  # type: ignore[assignment]
        return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


@contextmanager
def provider(**person: Any) -> Iterator[Provider]:
    with Provider(person) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/openid-configuration":
            url = self.server.url
            self._json(
                issuer=url,
                authorization_endpoint=f"{url}/authorize",
                token_endpoint=f"{url}/token",
                userinfo_endpoint=f"{url}/userinfo",
                jwks_uri=f"{url}/keys",
                token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
            )
        elif parts.path == "/authorize":
            self._authorise(query)
        elif parts.path == "/userinfo" and self.headers.get("Authorization") == "Bearer an-access-token":
            self._json(**self.server.person)
        else:
            self._refuse(f"unexpected GET {parts.path}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body))
        asked = self.server.granted.pop(form.get("code", ""), None)
        if self.path != "/token" or asked is None:
            return self._refuse(f"unexpected POST {self.path}, or a code twice")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return self._refuse("the verifier does not fit the challenge")
        if (form.get("client_secret"), form.get("redirect_uri")) != (SECRET, asked["redirect_uri"]):
            return self._refuse("another secret, or another redirect_uri")
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, **self.server.person}
        id_token = jwt.encode(claims, KEY, algorithm="HS256")
        return self._json(access_token="an-access-token", token_type="Bearer", id_token=id_token)

    def _authorise(self, query: dict[str, str]) -> None:
        """The person has an account here and agrees at once."""
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()) or "openid" not in query["scope"].split():
            return self._refuse(f"a request to authorise with {query}")
        code = secrets.token_urlsafe(8)
        self.server.granted[code] = query
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
        self.end_headers()
        return None

    def _json(self, **body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, why: str) -> None:
        self.server.refusals.append(why)
        self.send_error(400, why)
