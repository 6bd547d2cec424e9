"""A cluster in this process's children: it proves that it works, and its tasks hear of SIGTERM."""

import gc
import os
import sys
from types import FrameType
from uuid import UUID

from django.db import connections
from django_q.cluster import Cluster

from platform_site.clusters.broker import PulsingBroker
from platform_site.clusters.registry import announce, leave
from platform_site.clusters.shutdown import ask_to_stop, take_up_work
from platform_site.supervisor.liveness import Pulse


def run_cluster(cluster: UUID, *, queue: str) -> None:
    """Serve `queue` until SIGTERM or SIGINT, or until the cluster dies.

    Django-q2 must have been imported for this queue (`Q_CLUSTER_NAME`). Raises `ForeignSecrets`.
    """
    announce(cluster, queue=queue)
    PulsingBroker.serving = cluster
    PulsingBroker.pulse = Pulse.of_this_process(os.environ)
    # A connection must not cross a fork.
    connections.close_all()
    # What is loaded stays out of collections, which would copy its pages into each child.
    gc.collect()
    gc.freeze()
    process = _StoppableCluster()
    process.start()
    process.sentinel.join()
    leave(cluster)


class _StoppableCluster(Cluster):  # type: ignore[misc]  # untyped
    """What runs when the signal comes ends or is handed back; nothing begins any more."""

    def start(self) -> int:
        """Fork the cluster's processes and return once they run."""
        take_up_work()
        pid: int = super().start()
        return pid

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        """Tell all tasks, then have the cluster stop, which waits for them."""
        ask_to_stop()
        if self.sentinel is None:
            sys.exit(0)
        super().sig_handler(signum, frame)
