"""A hub on loopback that speaks the real hub's protocol to the real `huggingface_hub` client.

Branches, tags and short commit ids; digests as etags; large files behind a redirect; ranges; 401, 403 and 404 with their
error codes; connections cut in the middle; content that is not what was announced; uploads, in one commit or a pull request.
"""

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".bin", ".h5", ".msgpack", ".model")


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        self.status, self.headers = status, {**headers}
        if code:
            self.headers["X-Error-Code"] = code
        if message:
            self.headers["X-Error-Message"] = message


@dataclass
class Repo:
    """One repository: commits as whole trees, names that point to them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], branch: str = "main", message: str = "") -> str:
        """Make `files` the tree of `branch`; returns the commit id."""
        text = json.dumps([len(self.commits), branch, sorted(files)]).encode()
        sha = hashlib.sha1(text + b"".join(files.values())).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[branch] = sha
        self.messages.append(message)
        return sha

    def resolve(self, revision: str) -> str:
        """Commit id of a branch, a tag, a commit or the beginning of one."""
        if revision in self.refs:
            return self.refs[revision]
        found = [sha for sha in self.commits if len(revision) >= 7 and sha.startswith(revision)]
        if len(found) != 1:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found[0]


def digest(name: str, content: bytes) -> str:
    """What the hub gives as a file's etag: sha256 of large files, git's blob id of others."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class StandInHub:
    """The server's state, to be set up and looked at by tests.

    Attributes:
        repos: name -> repository. users: token -> user name. requests: "METHOD path" of every call.
        cut: file name -> how many more times its transfer breaks off in the middle.
        wrong: files whose content is sent with a byte changed. broken: status with which every call is answered.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.users: dict[str, str] = {"hf_good": "alice"}
        self.requests: list[str] = []
        self.cut: Counter[str] = Counter()
        self.wrong: set[str] = set()
        self.broken = 0
        self.stored: dict[str, bytes] = {}
        self.url = ""

    def add(self, name: str, files: dict[str, bytes], **kwargs: bool) -> Repo:
        """A repository with one commit on main."""
        repo = self.repos.setdefault(name, Repo(**kwargs))
        repo.commit(files)
        return repo


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    """Serve a `StandInHub` on a free port of loopback; its `url` is the endpoint for the client."""
    hub = StandInHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_GET

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(f"{self.command} {unquote(urlsplit(self.path).path)}")
        try:
            if self.hub.broken:
                raise Refusal(self.hub.broken, message="out of order")
            self._route(urlsplit(self.path).path, parse_qs(urlsplit(self.path).query), body)
        except Refusal as refusal:
            self._send(refusal.status, b"{}", **refusal.headers)

    def _route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        for pattern, answer in _ROUTES:
            if found := re.fullmatch(pattern, path):
                return answer(self, *(part and unquote(part) for part in found.groups()), query=query, body=body)
        raise Refusal(404, message=f"no such address: {path}")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), Content_Type="application/json")

    # who and what -----------------------------------------------------------------------------------------------------

    def _user(self) -> str | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise Refusal(401, message="Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def _repo(self, name: str, write: bool = False) -> Repo:
        user, repo = self._user(), self.hub.repos.get(name)
        if repo is None or (repo.private and user is None):
            raise Refusal(401 if user is None else 404, "RepoNotFound", "Repository not found")
        if write and user != name.partition("/")[0]:
            raise Refusal(403, message="You do not have the permission to write here")
        if repo.gated and user != name.partition("/")[0]:
            raise Refusal(403, "GatedRepo", "Access to this model is restricted")
        return repo

    # reading ----------------------------------------------------------------------------------------------------------

    def file(self, name: str, revision: str, file: str, **_: Any) -> None:
        repo = self._repo(name)
        sha = repo.resolve(revision)
        content = repo.commits[sha].get(file)
        if content is None:
            raise Refusal(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": sha})
        etag = digest(file, content)
        if not file.endswith(LARGE):
            return self._content(file, content, ETag=f'"{etag}"', X_Repo_Commit=sha)
        self.hub.stored[etag] = content
        about = {"X_Linked_Etag": f'"{etag}"', "X_Linked_Size": str(len(content)), "X_Repo_Commit": sha}
        elsewhere = self.hub.url.replace("127.0.0.1", "localhost")  # another host, as the real hub's storage is
        self._send(302, b"", Location=f"{elsewhere}/cdn/{etag}/{file}", **about)

    def cdn(self, etag: str, file: str, **_: Any) -> None:
        self._content(file, self.hub.stored[etag], ETag=f'"{etag}"')

    def _content(self, file: str, content: bytes, **headers: str) -> None:
        if file in self.hub.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        begin = int(re.sub(r"bytes=(\d+)-.*", r"\1", self.headers.get("Range") or "bytes=0-"))
        part = content[begin:]
        if begin:
            headers["Content_Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if self.command == "GET" and self.hub.cut[file] > 0:
            self.hub.cut[file] -= 1
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        self._send(206 if begin else 200, part, Accept_Ranges="bytes", **headers)

    def info(self, name: str, revision: str | None = None, **_: Any) -> None:
        repo = self._repo(name)
        sha = repo.resolve(revision or "main")
        files = [{"rfilename": file} for file in repo.commits[sha]]
        self._json({"id": name, "modelId": name, "sha": sha, "private": repo.private, "siblings": files, "tags": []})

    def tree(self, name: str, revision: str, _path: str | None = None, **__: Any) -> None:
        repo = self._repo(name)
        files = repo.commits[repo.resolve(revision)]
        entries = []
        for file, content in files.items():
            entry: dict[str, Any] = {"type": "file", "path": file, "size": len(content), "oid": digest("", content)}
            if file.endswith(LARGE):
                entry["lfs"] = {"oid": digest(file, content), "size": len(content), "pointerSize": 130}
            entries.append(entry)
        self._json(entries)

    def whoami(self, **_: Any) -> None:
        user = self._user()
        if user is None:
            raise Refusal(401, message="Unauthorized")
        self._json({"type": "user", "name": user, "orgs": []})

    # writing ----------------------------------------------------------------------------------------------------------

    def create(self, *, body: bytes, **_: Any) -> None:
        asked, user = json.loads(body), self._user()
        if user is None:
            raise Refusal(401, message="Unauthorized")
        owner = asked.get("organization") or user
        if owner != user:
            raise Refusal(403, message="You do not have the permission to write here")
        name = f"{owner}/{asked['name']}"
        if name in self.hub.repos:
            return self._send(409, json.dumps({"url": f"{self.hub.url}/{name}"}).encode())
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.add(name, {".gitattributes": b"*.bin filter=lfs\n"}, private=bool(private))
        self._json({"url": f"{self.hub.url}/{name}", "name": name, "id": name})

    def branch(self, name: str, branch: str, **_: Any) -> None:
        repo = self._repo(name, write=True)
        if branch in repo.refs:
            raise Refusal(409, message="Reference already exists")
        repo.refs[branch] = repo.refs["main"]
        self._json({})

    def validate(self, **_: Any) -> None:
        self._json({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str, *, body: bytes, **_: Any) -> None:
        self._repo(name, write=True).resolve(revision)
        files = [file["path"] for file in json.loads(body)["files"]]
        modes = [{"path": f, "uploadMode": "lfs" if f.endswith(LARGE) else "regular", "shouldIgnore": False} for f in files]
        self._json({"files": modes})

    def lfs_batch(self, name: str, *, body: bytes, **_: Any) -> None:
        self._repo(name, write=True)
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str, *, body: bytes, **_: Any) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, message="digest differs")
        self.hub.stored[oid] = body
        self._send(200, b"")

    def commit(self, name: str, revision: str, *, query: dict[str, list[str]], body: bytes, **_: Any) -> None:
        repo = self._repo(name, write=True)
        files = dict(repo.commits[repo.resolve(revision)])
        message = ""
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        pull = "create_pr" in query
        sha = repo.commit(files, "refs/pr/1" if pull else revision, message)
        answer = {"success": True, "commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha}
        self._json({**answer, "pullRequestUrl": f"{self.hub.url}/{name}/discussions/1"} if pull else answer)


_NAME = r"([\w.-]+(?:/[\w.-]+)?)"
_ROUTES = [
    (r"/api/repos/create", _Handler.create),
    (r"/api/validate-yaml", _Handler.validate),
    (r"/api/whoami-v2", _Handler.whoami),
    (rf"/api/models/{_NAME}/tree/([^/]+)(/.*)?", _Handler.tree),
    (rf"/api/models/{_NAME}/branch/(.+)", _Handler.branch),
    (rf"/api/models/{_NAME}/preupload/(.+)", _Handler.preupload),
    (rf"/api/models/{_NAME}/commit/(.+)", _Handler.commit),
    (rf"/api/models/{_NAME}/revision/(.+)", _Handler.info),
    (rf"/api/models/{_NAME}", _Handler.info),
    (rf"/{_NAME}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (r"/lfs/(\w+)", _Handler.lfs_put),
    (r"/cdn/(\w+)/(.+)", _Handler.cdn),
    (rf"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.file),
]
