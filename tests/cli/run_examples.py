#!/usr/bin/env python3
"""Runs every command of every code block of README.md, README.zh-CN.md and docs/ against the sandbox, in a job that suits
it: one that is fresh, done, in doubt, or under way. SQL runs on a results database, TOML is held against the schema, and
the metrics of alerts are those of the table. A Chinese page has the commands of the English one.

A command that needs another machine (systemd, a package, a build) is named in ELSEWHERE and not run.
Usage: run_examples.py CARDVOID ROOT [PART_OF_A_PAGE'S_NAME]; or --self-test.
"""
import atexit
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib

CODE, OPENID, FINGERPRINT = "478515832665", "oXbLatjvWOibDc5M2pxb1Q9zN01", "3f9c2a1e77b0"
ELSEWHERE = r"(scripts/|\.ci/|cmake |ctest |useradd |install |cp |systemctl |apt(-get)? |sudo |dpkg |podman |docker |cardvoid sandbox )"
CRON = re.compile(r"^[\d*][\d*/, ]* (?:cardvoid +)?(?=cardvoid )")
HERE = {"/etc/cardvoid/": "", "/usr/share/doc/cardvoid/examples/": "jobs/", "/opt/cardvoid/bin/": "", "oXbLatjv…": OPENID}
GOOD = {"run": (0, 1, 75), "rehearse": (0, 1), "reconcile": (0, 1, 75)}
STEERING = ("pause", "resume", "rate", "stop")
COLUMNS = "brand_id,card_id,code,openid"
UNKNOWN = ("C", CODE)  # to the platform: they are rejected
CARDS = [("C", "O"), (CODE, OPENID)] + [(f"4785158300{n:02}", f"oXbLatjvWOibDc5M2pxb1Q9zA{n:02}") for n in range(18)]


def blocks(text):
    """[(language, text)]: fenced, and indented by four under a blank line."""
    found = [(m.start(), m[1], m[2]) for m in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.S | re.M)]
    bare = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S | re.M)
    for m in re.finditer(r"(?<=\n\n)(?:    \S.*\n(?:\n(?=    \S))?)+", bare):
        found.append((m.start(), "", re.sub(r"^    ", "", m[0], flags=re.M)))
    return [each[1:] for each in sorted(found)]


def commands(block):
    """The lines of a block that are typed, without the times of cron."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [CRON.sub("", line) for line in lines if re.match(r"(/opt/cardvoid/bin/)?cardvoid \S|sqlite3 |" + ELSEWHERE, CRON.sub("", line))]


def bare(command):
    """Without its comment."""
    command = re.sub(r"\s+#\s.*$", "", command)
    return command.strip()


def alike(command):
    """As the two languages share it."""
    return re.sub(r'--note "[^"]*"', "--note …", bare(command)).replace(" --lang zh", "")


class Job:
    """A folder with gold.toml, a sandbox that serves it, and sometimes a run."""

    def __init__(self, binary, model=None, rows=CARDS, sandbox=()):
        self.folder = tempfile.TemporaryDirectory(prefix="examples-")
        self.dir = pathlib.Path(self.folder.name)
        self.run, self.binary = None, binary
        (self.dir / "bin").mkdir()
        (self.dir / "bin/cardvoid").symlink_to(binary)
        if model:
            shutil.copytree(model.dir, self.dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bin", "*.sock"))
        self.environment = {"PATH": f"{self.dir}/bin:{os.environ['PATH']}", "HOME": str(self.dir), "TMPDIR": str(self.dir),
                            "LC_ALL": "C.UTF-8", "XDG_STATE_HOME": str(self.dir / "state")}
        if not model:
            self.write_lists(rows)
        self.serve(sandbox)
        atexit.register(self.end)

    def write_lists(self, rows):
        at = "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,"
        known = [f"{at}{code},{openid},EFFECTIVE," for code, openid in rows if code not in UNKNOWN]
        (self.dir / "cards.csv").write_text("\n".join([COLUMNS + ",state,invalid_time", *known]) + "\n")
        listed = sorted(rows, key=lambda row: row[0] in UNKNOWN)
        (self.dir / "members.csv").write_text("\n".join([COLUMNS, *(f"{at}{code},{openid}" for code, openid in listed)]) + "\n")

    def serve(self, flags):
        self.sandbox = subprocess.Popen([self.binary, "sandbox", "--dir", self.dir, "--rate", "0", *flags],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.sandbox.stderr:
            if "job file" in line:
                break
        text = (self.dir / "sandbox.toml").read_text().split("\n", 1)[1]
        text = text.replace('"sandbox"', '"gold"').replace("sandbox.db", "gold.db").replace("per_second = 5", "per_second = 100")
        for name in ("gold.toml", "nightly.toml"):
            (self.dir / name).write_text(text)

    def do(self, command, seconds=60):
        return subprocess.run(["sh", "-c", command], cwd=self.dir, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds)

    def start(self):
        """A run that is under way until it is told to stop."""
        slow = ["--set", "limits.requests_per_second=1", "--set", "limits.max_in_flight=1"]
        self.run = subprocess.Popen([self.binary, "run", "gold.toml", "--yes", "-q", *slow], cwd=self.dir, env=self.environment,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while self.do("cardvoid rate gold.toml 1").returncode != 0:
            assert time.monotonic() < until and self.run.poll() is None, "the run does not begin"
        return self

    def end(self):
        for process in (self.run, self.sandbox):
            if process and process.returncode is None:
                process.terminate()
                process.wait(30)
                if process.stderr:
                    process.stderr.close()
        self.folder.cleanup()


class Stage:
    """Jobs in the four states, made once and copied for each command."""

    def __init__(self, binary, root):
        self.binary, self.under_way, self.known = binary, None, {}
        self.fresh = Job(binary)
        shutil.copytree(root / "jobs", self.fresh.dir / "jobs")
        self.expect(self.fresh, "cardvoid plan gold.toml", 0)
        self.done = Job(binary)
        self.expect(self.done, "cardvoid run gold.toml --yes -q --set safety.canary=2 --set safety.max_failure_rate=1.0", 1)
        self.expect(self.done, "cardvoid export gold.toml --status rejected -o rejected.csv", 0)
        self.doubt = Job(binary, rows=CARDS[1:2], sandbox=("--fault", "no_answer=1"))
        self.expect(self.doubt, "timeout --preserve-status -s TERM 2 cardvoid run gold.toml --yes -q", 75)
        with sqlite3.connect(self.doubt.dir / "gold.db") as results:  # as after contradictory answers, which no flag asks for
            results.execute("UPDATE row SET status = 'unresolved', held = 1")

    def expect(self, job, command, code):
        ended = job.do(command)
        assert ended.returncode == code, f"{command}: {ended.returncode}\n{ended.stdout}{ended.stderr}"

    def model_for(self, verb, command):
        if verb in ("init", "run", "plan", "check", "rehearse", "protect", "merge"):
            return self.fresh
        if verb == "reconcile" or "unresolved" in command:
            return self.doubt
        return self.done

    def fault(self, command, steered):
        """None, or what went wrong. `steered`: the block steers a run. A command that stands on several pages runs once."""
        key = bare(command), steered
        if key not in self.known:
            self.known[key] = self.fault_now(*key)
        return self.known[key]

    def fault_now(self, command, steered):
        for told, here in HERE.items():
            command = command.replace(told, here)
        verb = command.split()[1] if "cardvoid " in command else ""
        if steered and verb in (*STEERING, "status") or verb in STEERING:
            self.under_way = self.under_way or Job(self.binary, self.fresh).start()
            fault = self.run(self.under_way, verb, command)
            if verb == "stop":
                self.leave()
            return fault
        job = Job(self.binary, self.model_for(verb, command))
        try:
            return self.run(job, verb, command)
        finally:
            job.end()

    def run(self, job, verb, command):
        if verb == "init":
            command = self.ready_for_init(job, command)
        if FINGERPRINT in command or "FINGERPRINT" in command:
            now = json.loads(job.do("cardvoid plan gold.toml --json").stdout)["fingerprint"]
            command = command.replace("FINGERPRINT", now).replace(FINGERPRINT, now[:12])
        if "--remove" in command:
            self.expect(job, command.replace("--remove", '--note "before"'), 0)
        if verb == "merge":  # the whole job has no results yet
            (job.dir / "gold.db").unlink()
        for shard in re.findall(r"gold\.(\d+-of-\d+)\.db", command):
            self.expect(job, f"cardvoid plan gold.toml --shard {shard.replace('-of-', '/')}", 0)
        if "--watch" in command:
            command = "timeout --preserve-status -s INT 1 " + command
        if command.startswith("sqlite3 "):
            shutil.copy(self.done.dir / "gold.db", job.dir)
        ended = job.do(command)
        if ended.returncode not in GOOD.get(verb, (0,)):
            return f"exit code {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return None

    @staticmethod
    def ready_for_init(job, command):
        """Nothing is overwritten. Where a person would be asked, flags answer: here is no terminal."""
        (job.dir / "gold.toml").unlink()
        (job.dir / "keys").mkdir()
        for name in ("apiclient_key.pem", "apiclient_cert.pem", "wxp_pub.pem"):
            shutil.copy(job.dir / name, job.dir / "keys")
        if "--list" in command:
            return command
        return command + " --list members.csv --private-key keys/apiclient_key.pem --public-key keys/wxp_pub.pem --public-key-id PUB_KEY_ID_0119"

    def leave(self):
        if self.under_way:
            self.under_way.end()
        self.under_way = None

    def end(self):
        self.leave()
        for job in (self.fresh, self.done, self.doubt):
            job.end()


def key_faults(block, schema):
    """Keys of a TOML block that no job file has."""
    sections = schema["properties"]
    for name, value in tomllib.loads(block).items():
        if name in sections and not isinstance(value, dict):
            continue
        inside = {name: value} if name not in sections else value
        known = sections[name].get("properties", {}) if name in sections else \
            {key for each in sections.values() for key in each.get("properties", {})}
        yield from (f"no job file has the key {key}" for key in inside if key not in known)


def sql_fault(block, database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as results:
        try:
            for statement in filter(str.strip, block.split(";")):
                results.execute(statement).fetchall()
        except sqlite3.Error as why:
            return f"{why}"


def metric_faults(block, page):
    table = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", page, re.M))))
    for name in sorted(set(re.findall(r"\bcardvoid_([a-z_]+?)(?:_bucket)?\b(?=[\[{ )]|$)", block, re.M)) - table):
        yield f"the table has no metric cardvoid_{name}"


def block_faults(language, block, page, stage, schema):
    if language == "sql":
        yield sql_fault(block, stage.done.dir / "gold.db")
    elif language == "toml" or not language and re.match(r"\[\w+\]$|\w+ = ", block, re.M):
        yield from key_faults(block, schema)
    elif language == "yaml":
        yield from metric_faults(block, page)
    elif language == "sh":
        yield subprocess.run(["sh", "-n"], input=block, text=True, capture_output=True).stderr
    elif not language:
        typed = commands(block)
        steered = any(re.match(r"cardvoid (pause|stop)", each) for each in typed)
        for command in typed:
            if not re.match(ELSEWHERE, command) and (fault := stage.fault(command, steered)):
                yield f"{command}: {fault}"
        stage.leave()


def language_faults(root):
    """The Chinese pages have the commands of the English ones."""
    pairs = [(root / "README.md", root / "README.zh-CN.md")]
    pairs += [(root / "docs" / page.relative_to(root / "docs/zh-CN"), page) for page in sorted((root / "docs/zh-CN").rglob("*.md"))]
    for english, chinese in pairs:
        if not english.exists():
            continue  # a page of its own, such as the terms
        typed = [[alike(c) for _, block in blocks(page.read_text(encoding="utf-8")) for c in commands(block)]
                 for page in (english, chinese)]
        missing, extra = ([c for c in a if c not in b] for a, b in (typed, typed[::-1]))
        if missing or extra or typed[0] != typed[1]:
            yield f"{chinese.relative_to(root)} has not the commands of the English page: without {missing}, more {extra}"


def self_test():
    text = "a\n\n```\ncardvoid run x  # why\noutput\n```\n\n    [results]\n    a = 1\n\n    b = 2\n\nend\n"
    assert blocks(text) == [("", "cardvoid run x  # why\noutput\n"), ("", "[results]\na = 1\n\nb = 2\n")], blocks(text)
    assert commands("5 1 * * *   cardvoid run a\n0 1 * * *  cardvoid  cardvoid run b \\\n  -q\ncardvoid: no\n") == \
        ["cardvoid run a", "cardvoid run b -q"]
    assert alike('cardvoid accept a --note "x y"   # z') == alike('cardvoid accept a --note "张"')
    schema = {"properties": {"name": {}, "safety": {"properties": {"canary": {}}}}}
    assert not list(key_faults("name = 'a'\n[safety]\ncanary = 1\n", schema)) and not list(key_faults("canary = 1\n", schema))
    assert list(key_faults("[safety]\ncanry = 1\n", schema)) and list(key_faults("canry = 1\n", schema))
    page = "| `rows`, `seconds` | |\n"
    assert not list(metric_faults("cardvoid_rows > 0\nrate(cardvoid_seconds_bucket[1m])\n", page))
    assert list(metric_faults("cardvoid_rowz > 0\n", page))
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs/zh-CN").mkdir(parents=True)
        for name, command in (("README.md", "run a"), ("README.zh-CN.md", "run a"), ("docs/operating.md", "run a"), ("docs/zh-CN/operating.md", "run b")):
            (root / name).write_text(f"```\ncardvoid {command}\n```\n")
        assert len(list(language_faults(root))) == 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    binary, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    schema = json.loads((root / "schema/job.schema.json").read_text(encoding="utf-8"))
    wrong = list(language_faults(root))
    stage = Stage(binary, root)
    try:
        for page in sorted([*root.glob("README*.md"), *(root / "docs").rglob("*.md")]):
            name = str(page.relative_to(root))
            text = page.read_text(encoding="utf-8")
            if wanted in name:
                wrong += [f"{name}: {fault}" for language, block in blocks(text)
                          for fault in block_faults(language, block, text, stage, schema) if fault]
    finally:
        stage.end()
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
