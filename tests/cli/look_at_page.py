#!/usr/bin/env python3
"""Opens a page of ours in headless Chromium, over the DevTools protocol through a pipe, as its reader would see it: nothing is
fetched, nothing is complained about, it can be read with scripts switched off, nothing is wider than the window, light and dark differ,
and it prints.
    look_at_page.py PAGE [FOLDER]
FOLDER gets the screenshots and the PDF. Prints every element with data-figure as "name<tab>text", then the text of #digest as
"digest<tab>text". Exit code 1 and words on standard error when something is wrong."""
import base64
import html.parser
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

PATIENCE_SECONDS = 40


class Browser:
    def __init__(self, profile):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def connect():  # Chromium reads from descriptor 3 and writes to 4
            os.dup2(to_read, 10), os.dup2(to_write, 11)
            os.dup2(10, 3), os.dup2(11, 4)

        program = shutil.which("chromium") or sys.exit("chromium is not installed: scripts/setup")
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read), os.close(to_write)
        self.buffer, self.number, self.events, self.session = b"", 0, [], None

    def receive(self):
        while b"\0" not in self.buffer:
            block = os.read(self.read_end, 1 << 20)
            if not block:
                raise RuntimeError("chromium has ended")
            self.buffer += block
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def attach(self):
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Figures(html.parser.HTMLParser):
    """The text of every element that has data-figure, and of #digest."""

    def __init__(self):
        super().__init__()
        self.found, self.name = [], None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        name = attributes.get("data-figure") or ("digest" if attributes.get("id") == "digest" else None)
        if name:
            self.name = name
            self.found.append([name, ""])

    def handle_data(self, data):
        if self.name:
            self.found[-1][1] += data

    def handle_endtag(self, tag):
        self.name = None


def look(browser, page, folder):
    faults = []
    browser.attach()
    for domain in ("Page", "Network", "Log", "Runtime"):
        browser.call(f"{domain}.enable")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=page.as_uri())
    browser.wait_for("Page.loadEventFired")

    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    source = browser.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]
    figures = Figures()
    figures.feed(source)
    for name, text in figures.found:
        print(f"{name}\t{' '.join(text.split())}")
    if "noscript" in source or "<script" in source:
        faults.append("it has scripts")

    pictures = {}
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
            if size["width"] > width:
                faults.append(f"at {width} columns of pixels it is {size['width']} wide")
            if size["height"] < 900:
                faults.append(f"it is only {size['height']} high")
            shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                                clip={"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1})
            pictures[width, scheme] = base64.b64decode(shot["data"])
            if folder:
                (folder / f"{width}-{scheme}.png").write_bytes(pictures[width, scheme])
    for width in (390, 1280):
        if pictures[width, "light"] == pictures[width, "dark"]:
            faults.append("light and dark look the same")
    browser.call("Emulation.clearDeviceMetricsOverride")
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"])
    if not pdf.startswith(b"%PDF") or len(pdf) < 10_000:
        faults.append("it does not print")
    if folder:
        (folder / "page.pdf").write_bytes(pdf)

    for event in browser.events:
        method, about = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if url != page.as_uri() and not url.startswith("data:"):
                faults.append(f"it fetches {url}")
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            faults.append(f"console: {json.dumps(about)[:500]}")
    if not any(event.get("method") == "Network.requestWillBeSent" for event in browser.events):
        faults.append("no request was seen, not even for the page itself")
    return faults


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    signal.alarm(PATIENCE_SECONDS)
    profile = tempfile.mkdtemp(prefix="cardvoid-chromium-")
    browser = Browser(profile)
    try:
        faults = look(browser, page, folder)
    finally:
        browser.close()
        shutil.rmtree(profile, ignore_errors=True)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
