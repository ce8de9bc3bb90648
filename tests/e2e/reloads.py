"""Shared by the tests of reload."""

import copy
import json
import os
import signal

from http_client import announce_target
from nodes import ClusterCase, fresh_hash, post
from wait import wait_for

TOKEN = "a-token-that-nobody-guesses"


def post_json(node, path, *headers):
    """POSTs to the admin endpoint; returns status and document."""
    answer = post(node, path, *headers)
    return answer.status, json.loads(answer.body)


def hang_up(node):
    """Sends SIGHUP and waits for the reload to end; returns whether it succeeded."""
    before = node.status()["reload"]
    node.signal(signal.SIGHUP)

    def over():
        now = node.status()["reload"]
        return [now[key] - before[key] for key in ("reloads", "reloads_failed")] != [0, 0]

    wait_for(over, 10, "the reload to be over")
    return node.status()["reload"]["reloads"] > before["reloads"]


class ReloadCase(ClusterCase):
    nodes = 1
    sync = "off"

    def setUp(self):
        self.addCleanup(self.restore, copy.deepcopy(self.node(0).settings))

    def restore(self, settings):
        self.node(0).settings = settings
        self.node(0).write_config()
        self.assertTrue(hang_up(self.node(0)))

    def set(self, **options):
        """Writes options, section__key=value; None: the default."""
        for name, value in options.items():
            section, key = name.split("__")
            self.node(0).settings.setdefault(section, {})[key] = value
        self.node(0).write_config()

    def reload(self, **options):
        self.set(**options)
        self.assertTrue(hang_up(self.node(0)), "the reload failed")
        self.assertEqual(self.node(0).status()["reload"]["need_restart"], [])

    def eventually(self, wanted, look):
        """Workers apply a change a moment after the control thread."""
        def seen():
            self.assertEqual(look(), wanted)
            return True

        wait_for(seen, 10)

    def path(self, name, text=None):
        path = os.path.join(self.cluster.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def http(self, source="127.0.0.1"):
        return self.client(0, "HTTP", source=source)

    def answer(self, info_hash=None, headers=(), source="127.0.0.1", **fields):
        """The answer to an HTTP announce."""
        return self.http(source).get(announce_target(info_hash or fresh_hash(), 1000, **fields),
                                     headers=headers).bencoded()

    def refusal(self, **more):
        return self.answer(**more).get(b"failure reason", b"").decode()

    def swarm(self, peers):
        info_hash = fresh_hash()
        client = self.client(0)
        for port in range(2000, 2000 + peers):
            client.announce(info_hash, port, numwant=0)
        return info_hash
