"""The processes that `check.py` starts, and what is between them. Each ends with the `ExitStack` that it was started on."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# The longest that anything may take. Only a check that fails waits for it.
DEADLINE = 60
# Between two scrapes, in seconds; and what Grafana would take for `$__rate_interval`.
SCRAPE_INTERVAL = 0.5
RATE_INTERVAL = "2s"
# Without the machine's proxy: all of it is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(what, answer):
    """The first answer that is neither None nor False."""
    deadline = time.monotonic() + DEADLINE
    while (found := answer()) in (None, False):
        if time.monotonic() > deadline:
            raise SystemExit(f"prometheus: {what}: not within {DEADLINE} s")
        time.sleep(0.05)
    return found


def get(url, accept="*/*", timeout=DEADLINE):
    """Status, content type and body."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with OPENER.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


class Process:
    """A process whose log goes to a file."""

    def __init__(self, stack, command, log, **options):
        self.log = log
        with open(log, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options)
        stack.callback(self.end)

    def end(self):
        if self.process.poll() is not None:
            last = "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-20:])
            print(f"prometheus: {self.process.args[0]} had ended by itself:\n{last}", file=sys.stderr)
        self.process.kill()
        self.process.wait()

    def said(self, pattern):
        """The first group of what it said first that is like this."""

        def found():
            match = re.search(pattern, self.log.read_text(encoding="utf-8"))
            if match is None and self.process.poll() is not None:
                raise SystemExit(f"prometheus: {self.process.args[0]} ended before it said `{pattern}`")
            return match and match[1]

        return until(f"`{pattern}` in {self.log}", found)


class OrderService(Process):
    """The order service, with its store in the directory."""

    def __init__(self, stack, program, servers, directory):
        settings = {"BROKERS": servers, "ADMIN": "127.0.0.1:0", "RUST_LOG": "info"}
        options = {"cwd": directory, "env": {**os.environ, **settings}}
        super().__init__(stack, [program], directory / "order_service.log", **options)
        self.url = "http://" + self.said(r"the admin endpoint listens.*address=(\S+)")
        until("the order service is ready", lambda: get(self.url + "/readyz")[0] == 200)


class Cluster:
    """An embedded cluster in a process of its own."""

    def __init__(self, stack, program, topics):
        names = ",".join(f"{name}:{partitions}" for name, partitions in topics.items())
        # It ends when its standard input is closed, however this process does.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = stack.enter_context(subprocess.Popen([program, "--topics", names], text=True, **pipes))
        stack.callback(self.process.kill)
        self.servers = self.process.stdout.readline().strip()
        assert self.servers, "the cluster did not start"


class Scraped:
    """What Prometheus scrapes: a service's metrics, in the one text or in the other.

    Prometheus asks for OpenMetrics first, and cannot be told otherwise before 2.49: for the older text, it is asked for in its place.
    """

    def __init__(self, stack, service, accept=None):
        self.asked, self.answered = set(), set()
        scraped = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers["Accept"]
                scraped.asked.add(asked)
                try:
                    status, content_type, body = get(service.url + self.path, accept or asked, timeout=2)
                    scraped.answered.add(content_type)
                except OSError:
                    status, content_type, body = 504, "text/plain", ""
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", content_type)
                    self.end_headers()
                    self.wfile.write(body.encode())
                except OSError:
                    pass  # Prometheus waits no longer.

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        self.target = f"127.0.0.1:{server.server_port}"


class Prometheus(Process):
    """A Prometheus with one target, and these rules."""

    def __init__(self, stack, name, scraped, rules, directory):
        interval = f"{int(SCRAPE_INTERVAL * 1000)}ms"
        every = {f"{what}_interval": interval for what in ("scrape", "evaluation")}
        # JSON is YAML.
        config = {
            "global": {**every, "scrape_timeout": interval},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [scraped.target]}]}],
        }
        path = directory / f"{name}.yml"
        path.write_text(json.dumps(config), encoding="utf-8")
        options = [f"--config.file={path}", f"--storage.tsdb.path={directory / name}"]
        command = ["prometheus", *options, "--web.listen-address=127.0.0.1:0"]
        super().__init__(stack, command, directory / f"{name}.log")
        self.name = name
        self.url = "http://" + self.said(r'msg="Listening on" address=(\S+)')
        until(f"{name} is ready", lambda: get(self.url + "/-/ready")[0] == 200)

    def api(self, path, **parameters):
        """What its HTTP API answers; an error of it is a ValueError."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        _, _, body = get(f"{self.url}/api/v1/{path}?{query}")
        answer = json.loads(body)
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    def now(self, query):
        """The value of each series that an expression has, by its labels."""
        result = self.api("query", query=query)["result"]
        return {tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in result}

    def between(self, query, start, end):
        """Its series over a time: labels, and pairs of time and value."""
        result = self.api("query_range", query=query, start=start, end=end, step=SCRAPE_INTERVAL)["result"]
        return [(of["metric"], [(float(at), float(value)) for at, value in of["values"]]) for of in result]
