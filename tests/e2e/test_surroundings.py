"""Poor surroundings: few CPUs. A node that starts serves in them; one that cannot says what is missing."""

import os
import unittest

from cluster import Cluster


class Cpus(unittest.TestCase):
    def test_as_many_workers_as_cpus_are_left(self):
        cluster = Cluster(nodes=1, sync="off", settings={"node": {"workers": 0}})
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.run_in = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        cluster.start()
        self.assertIn(" workers=1 ", node.log_text())
