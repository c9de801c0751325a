#!/usr/bin/env python3
"""kubeapi.py: as much of the Kubernetes API as a real kubectl needs to get, wait for, scale, restart, apply and
delete deployments and config maps, on loopback, with TLS and tokens.

    kubeapi.py PORT CERT KEY TOKENS DIR

TOKENS holds "token rights" lines, rights is all or read.  A controller brings the status towards the spec, one
replica every 50 ms.  DIR/stuck stops it, DIR/deaf makes it take changes without keeping them.  DIR/begin.json is an object
that is there from the beginning; DIR/ready-NAME says how many replicas of a deployment are ready.
"""
import copy
import http.server
import json
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse

PORT, CERT, KEY, TOKENS, DIR = int(sys.argv[1]), *sys.argv[2:6]
GROUPS = {
    "v1": [("configmaps", "ConfigMap"), ("secrets", "Secret"), ("namespaces", "Namespace")],
    "apps/v1": [("deployments", "Deployment")],
}
lock = threading.RLock()
objects, version = {}, [100]  # (plural, namespace, name) -> object


def flag(name):
    return os.path.exists(os.path.join(DIR, name))


def touch(obj):
    version[0] += 1
    obj["metadata"]["resourceVersion"] = str(version[0])


def merge(old, patch):
    """A JSON merge that knows lists of things with names, which is all a strategic patch here needs."""
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return patch
    out = dict(old)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            out.pop(key, None)
        elif isinstance(value, list) and value and all(isinstance(v, dict) and "name" in v for v in value):
            rows = {v["name"]: v for v in out.get(key) or []}
            for v in value:
                rows[v["name"]] = merge(rows.get(v["name"], {}), v)
            out[key] = [v for v in rows.values()]
        else:
            out[key] = merge(out.get(key, {}), value)
    return out


def store(key, obj, old, dry):
    obj = copy.deepcopy(obj)
    meta = obj.setdefault("metadata", {})
    was = (old or {}).get("metadata", {})
    meta["namespace"], meta["name"] = key[1], key[2]
    meta["uid"] = was.get("uid") or f"uid-{version[0]}-{key[2]}"
    meta["creationTimestamp"] = was.get("creationTimestamp") or "2026-01-01T00:00:00Z"
    if key[0] == "deployments":
        obj["spec"].setdefault("replicas", 1)
        changed = not old or old["spec"] != obj["spec"]
        meta["generation"] = was.get("generation", 0) + (1 if changed else 0)
        obj["status"] = (old or {}).get("status", {})
    obj.setdefault("kind", dict(r for g in GROUPS.values() for r in g)[key[0]])
    obj.setdefault("apiVersion", "apps/v1" if key[0] == "deployments" else "v1")
    same = old and {**obj, "metadata": {**meta, "resourceVersion": was.get("resourceVersion")}} == old
    if same:
        return old
    meta["resourceVersion"] = was.get("resourceVersion", "1")
    if not dry and not flag("deaf"):
        touch(obj)
        objects[key] = obj
    return obj


def controller():
    while True:
        time.sleep(0.05)
        with lock:
            for key, obj in objects.items():
                if key[0] != "deployments" or flag("stuck"):
                    continue
                want, now = obj["spec"]["replicas"], obj["status"].get("readyReplicas", 0)
                gen = obj["metadata"]["generation"]
                if obj["status"].get("observedGeneration") == gen and now == want:
                    continue
                if obj["status"].get("observedGeneration") == gen:
                    now += (want > now) - (want < now)
                obj["status"] = {
                    "observedGeneration": gen, "replicas": now, "updatedReplicas": now, "readyReplicas": now,
                    "availableReplicas": now,
                    "conditions": [{"type": "Available", "status": "True" if now >= want else "False"},
                                   {"type": "Progressing", "status": "True"}],
                }
                touch(obj)
                with open(os.path.join(DIR, "ready-" + key[2]), "w") as f:
                    f.write(str(now))


def field(number, value):
    """One length-delimited field of a protocol buffer."""
    data = value.encode() if isinstance(value, str) else value
    size, out = len(data), bytes([number << 3 | 2])
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size]) + data


def openapi():
    """As much of the OpenAPI document (gnostic's OpenAPIv2.proto) as kubectl 1.20 looks at before a dry run: that PATCH
    of each kind takes the parameter dryRun."""
    parameter = field(8, field(1, field(2, field(3, field(2, "query") + field(4, "dryRun")))))
    paths = b""
    for version_, rows in GROUPS.items():
        group, _, bare = version_.rpartition("/")
        for plural, kind in rows:
            gvk = field(13, field(1, "x-kubernetes-group-version-kind") +
                        field(2, field(2, f"group: '{group}'\nversion: {bare}\nkind: {kind}\n")))
            paths += field(2, field(1, f"/{plural}/{{name}}") + field(2, field(8, parameter + gvk)))
    return field(1, "2.0") + field(8, paths)


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        print(self.command, self.path, *args[1:2], flush=True)

    def say(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def raw(self, kind, data):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return True

    def no(self, code, reason, message, **details):
        self.say(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                        "reason": reason, "details": details, "code": code})

    def rights(self):
        given = self.headers.get("Authorization", "")
        with open(TOKENS) as rows:
            for row in rows:
                token, rights = row.split()
                if given == f"Bearer {token}":
                    return rights
        return None

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length) or b"null") if length else None
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        rights = self.rights()
        if rights is None:
            return self.no(401, "Unauthorized", "Unauthorized")
        if url.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            verb = self.body["spec"]["resourceAttributes"]["verb"]
            allowed = rights == "all" or verb in ("get", "list", "watch")
            return self.say(201, {**self.body, "status": {"allowed": allowed}})
        if self.discovery(url.path):
            return None
        space = re.fullmatch(r"/api/v1/namespaces/([^/]+)", url.path)
        if space:
            return self.say(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": space[1]}})
        found = re.fullmatch(r"/(?:api/v1|apis/apps/v1)/namespaces/([^/]+)/(\w+)(?:/([^/]+))?(?:/(\w+))?", url.path)
        if not found:
            return self.no(404, "NotFound", "the server could not find the requested resource")
        if rights != "all" and self.command != "GET":
            return self.no(403, "Forbidden", f'{found[2]} is forbidden: the token may only read')
        with lock:
            return self.resource(*found.groups())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def discovery(self, path):
        if path == "/version":
            self.say(200, {"major": "1", "minor": "30", "gitVersion": "v1.30.0-lab", "platform": "lab"})
        elif path == "/openapi/v2":
            self.raw("application/octet-stream", openapi())
        elif path == "/api":
            self.say(200, {"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            one = {"groupVersion": "apps/v1", "version": "v1"}
            auth = {"groupVersion": "authorization.k8s.io/v1", "version": "v1"}
            self.say(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": "apps", "versions": [one], "preferredVersion": one},
                {"name": "authorization.k8s.io", "versions": [auth], "preferredVersion": auth}]})
        elif path in ("/api/v1", "/apis/apps/v1"):
            group = path.split("/", 2)[2]
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            rows = [{"name": plural, "singularName": kind.lower(), "namespaced": plural != "namespaces", "kind": kind,
                     "verbs": verbs, "shortNames": ["deploy"] if kind == "Deployment" else []}
                    for plural, kind in GROUPS[group]]
            if group == "apps/v1":
                rows.append({"name": "deployments/scale", "singularName": "", "namespaced": True, "group": "autoscaling",
                             "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]})
            self.say(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": rows})
        elif path == "/apis/authorization.k8s.io/v1":
            self.say(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "authorization.k8s.io/v1",
                           "resources": []})
        else:
            return False
        return True

    def resource(self, namespace, plural, name, sub):
        key = (plural, namespace, name)
        obj, dry = objects.get(key), self.query.get("dryRun") == "All"
        if self.command == "POST" and name is None:
            key = (plural, namespace, self.body["metadata"]["name"])
            if key in objects:
                return self.no(409, "AlreadyExists", f'{plural} "{key[2]}" already exists')
            return self.say(201, store(key, self.body, None, dry))
        if name is None:
            return self.listing(plural, namespace)
        if obj is None:
            return self.no(404, "NotFound", f'{plural} "{name}" not found', name=name, kind=plural)
        if sub == "scale":
            return self.scale(key, obj)
        if self.command == "GET":
            return self.say(200, obj)
        if self.command == "PATCH":
            return self.say(200, store(key, merge(obj, self.body), obj, dry))
        if self.command == "DELETE":
            if not dry and not flag("deaf"):
                touch(obj)
                del objects[key]
            return self.say(200, {"kind": "Status", "apiVersion": "v1", "status": "Success",
                                  "details": {"name": name, "kind": plural, "uid": obj["metadata"]["uid"]}})
        return self.no(405, "MethodNotAllowed", "not in this lab")

    def scale(self, key, obj):
        if self.command in ("PUT", "PATCH"):
            new = copy.deepcopy(obj)
            new["spec"]["replicas"] = self.body["spec"]["replicas"]
            wanted = self.body.get("metadata", {}).get("resourceVersion")
            if wanted and wanted != obj["metadata"]["resourceVersion"]:
                return self.no(409, "Conflict", f'Operation cannot be fulfilled on {key[0]} "{key[2]}": '
                                                'the object has been modified')
            obj = store(key, new, obj, False)
        return self.say(200, {"kind": "Scale", "apiVersion": "autoscaling/v1",
                              "metadata": {k: obj["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion")},
                              "spec": {"replicas": obj["spec"]["replicas"]},
                              "status": {"replicas": obj["status"].get("replicas", 0), "selector": "app=x"}})

    def listing(self, plural, namespace):
        wanted = re.fullmatch(r"metadata\.name=(.*)", self.query.get("fieldSelector", ""))
        rows = lambda: [o for (p, ns, n), o in objects.items()
                        if p == plural and ns == namespace and (not wanted or n == wanted[1])]
        kind = dict(r for g in GROUPS.values() for r in g)[plural]
        group = "apps/v1" if plural == "deployments" else "v1"
        if not self.query.get("watch"):
            return self.say(200, {"kind": kind + "List", "apiVersion": group,
                                  "metadata": {"resourceVersion": str(version[0])}, "items": rows()})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        seen = {o["metadata"]["uid"]: (o["metadata"]["resourceVersion"], o) for o in rows()}
        end = time.monotonic() + float(self.query.get("timeoutSeconds", 60))
        while time.monotonic() < end:
            now = {o["metadata"]["uid"]: (o["metadata"]["resourceVersion"], o) for o in rows()}
            events = [("MODIFIED", o) for uid, (rv, o) in now.items() if seen.get(uid, (None,))[0] != rv]
            events += [("DELETED", o) for uid, (rv, o) in seen.items() if uid not in now]
            seen = now
            for kind, obj in events:
                data = json.dumps({"type": kind, "object": obj}).encode() + b"\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            lock.release()
            try:
                time.sleep(0.03)
            finally:
                lock.acquire()
        self.wfile.write(b"0\r\n\r\n")
        return None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that leaves is nothing to tell


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERT, KEY)
server = Server(("127.0.0.1", PORT), Api)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
if flag("begin.json"):
    with open(os.path.join(DIR, "begin.json")) as begin:
        first = json.load(begin)
    store(("deployments", first["metadata"]["namespace"], first["metadata"]["name"]), first, None, False)
threading.Thread(target=controller, daemon=True).start()
server.serve_forever()
