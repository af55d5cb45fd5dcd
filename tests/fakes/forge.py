"""GitHub's and GitLab's interface for comments and issues, as far as we speak it, for one project on loopback."""

from __future__ import annotations

import http.server
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.forge_runs import FakeRuns

PAGE = 2  # entries on a page, so that what is looked for is not on the first


@dataclass
class FakeForge:
    """What the project has; `people` writes as somebody who is no program. Use as a context manager."""

    token: str = "token-of-the-job"
    posts: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)  # statuses of the next answers
    runs: FakeRuns = field(default_factory=FakeRuns)
    address: str = ""

    def __enter__(self) -> Self:
        forge = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = json.loads(self.rfile.read(length) or b"{}")
                status, found, link = forge.answer(self.command, self.path, dict(self.headers), content)
                body = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                if link:
                    self.send_header("Location" if status == 302 else "Link", link)
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - names of the library

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def people(self, text: str, place: str) -> None:
        """Somebody writes a comment or an issue; `place` is `issues` or of one, as in `issues/7`."""
        self._add(place, text, is_ours=False)

    def texts(self, place: str) -> list[str]:
        """The texts of a place, oldest first, people's left out."""
        return [each["body"] for each in self.posts if each["place"] == place and each["is_ours"]]

    def open_issues(self) -> list[dict[str, Any]]:
        return [
            each for each in self.posts if each["place"] == "issues" and each["is_ours"] and each["state"] == "open"
        ]

    def _add(self, place: str, text: str, *, is_ours: bool = True, **more: Any) -> dict[str, Any]:
        post = {
            "place": place,
            "number": len(self.posts) + 100,
            "body": text,
            "is_ours": is_ours,
            "state": "open",
            **more,
        }
        self.posts.append(post)
        return post

    def answer(
        self, method: str, target: str, headers: dict[str, str], content: dict[str, Any]
    ) -> tuple[int, Any, str | None]:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/api")
        self.calls.append(f"{method} {path}")
        if self.failures:
            return self.failures.pop(0), {"message": "no"}, None
        if path.startswith("/elsewhere/"):
            return self.runs.elsewhere(path, headers)
        given = {headers.get("Authorization"), headers.get("Private-Token") or headers.get("PRIVATE-TOKEN")}
        if not given & {f"Bearer {self.token}", self.token}:
            return 401, {"message": "Bad credentials"}, None
        if path == "/user":
            return 200, {"id": 1}, None
        if (told := self.runs.answer(path, query, self.address)) is not None:
            return told
        of_gitlab = path.startswith("/projects/42/")
        place = re.sub(r"^/(repos/acme/dhcp|projects/42)/", "", path)
        place = re.sub(r"/(comments|notes)$", "", place.replace("merge_requests", "issues"))
        text = content.get("description" if of_gitlab and "/notes" not in path else "body")
        if method == "GET":
            return self._listed(place, query, of_gitlab=of_gitlab)
        if method == "POST":
            more = {key: content[key] for key in ("title", "labels") if key in content}
            return 201, _shown(self._add(place, text or "", **more), of_gitlab=of_gitlab), None
        number = int(place.rpartition("/")[2])
        (post,) = (each for each in self.posts if each["number"] == number)
        post |= {"body": text} if text is not None else {}
        if content.get("state") == "closed" or content.get("state_event") == "close":
            post["state"] = "closed"
        return 200, _shown(post, of_gitlab=of_gitlab), None

    def _listed(self, place: str, query: dict[str, str], *, of_gitlab: bool) -> tuple[int, Any, str | None]:
        kept = [each for each in self.posts if each["place"] == place]
        if place == "issues":
            assert query["state"] == ("opened" if of_gitlab else "open")
            assert query["labels"] == "kea-reconciler"
            kept = [each for each in kept if each["state"] == "open"]
        page = int(query.get("page", 1))
        following = f"{self.address}{'/projects/42' if of_gitlab else '/repos/acme/dhcp'}/{place}"
        following += ("" if place == "issues" else "/notes" if of_gitlab else "/comments") + f"?page={page + 1}"
        if place == "issues":
            following += f"&state={query['state']}&labels={query['labels']}"
        link = f'<{following}>; rel="next"' if len(kept) > page * PAGE else None
        return 200, [_shown(each, of_gitlab=of_gitlab) for each in kept[(page - 1) * PAGE : page * PAGE]], link


def _shown(post: dict[str, Any], *, of_gitlab: bool) -> dict[str, Any]:
    number, text = post["number"], post["body"]
    if of_gitlab:
        who = {"author": {"id": 1 if post["is_ours"] else 7}}
        return {"id": number, "iid": number, "body": text, "description": text, "web_url": f"https://f/{number}", **who}
    kind = {"user": {"type": "Bot" if post["is_ours"] else "User"}}
    return {
        "id": number,
        "number": number,
        "body": text.replace("\n", "\r\n"),
        "html_url": f"https://f/{number}",
        **kind,
    }
