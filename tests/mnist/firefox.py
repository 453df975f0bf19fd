# SPDX-License-Identifier: MIT
"""Headless Firefox through its Marionette protocol, which needs nothing else: messages of JSON over a connection to
localhost, each with its length in front."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import browser
from browser import LIMIT


def find():
    return next(filter(None, map(shutil.which, ["firefox-esr", "firefox"])), None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Firefox:
    def __init__(self):
        self.home = tempfile.mkdtemp()
        port = free_port()
        with open(os.path.join(self.home, "user.js"), "w", encoding="utf-8") as file:
            file.write(f'user_pref("marionette.port", {port});\n')
        self.process = subprocess.Popen(
            [find(), "--headless", "--no-remote", "--marionette", "--profile", self.home], start_new_session=True,
            env={**os.environ, "HOME": self.home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0
        self.stream = self.connect(port)
        self.receive()  # how it introduces itself
        self.call("WebDriver:NewSession", capabilities={})

    def connect(self, port):
        end = time.monotonic() + LIMIT
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port), LIMIT)
                return connection.makefile("rwb")
            except ConnectionRefusedError:
                assert time.monotonic() < end and self.process.poll() is None, "Firefox does not start"
                time.sleep(0.1)

    def close(self):
        browser.end(self.process, self.home)

    def receive(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                raise EOFError("Firefox has ended")
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))

    def call(self, command, **parameters):
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        _, number, error, result = self.receive()
        assert number == self.number
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def open(self, path):
        self.call("WebDriver:Navigate", url=path.resolve().as_uri())

    def evaluate(self, expression):
        """The value of an expression, in the scope of the page's own scripts."""
        return self.call("WebDriver:ExecuteScript", script="return window.eval(arguments[0])", args=[expression],
                         sandbox=None)["value"]

    def drag(self, points):
        """Presses at the first point, and releases at the last; in pixels of the window."""
        move = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0} for x, y in points]
        actions = [move[0], {"type": "pointerDown", "button": 0}, *move[1:], {"type": "pointerUp", "button": 0}]
        self.call("WebDriver:PerformActions",
                  actions=[{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}])
