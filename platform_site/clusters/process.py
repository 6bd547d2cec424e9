"""A cluster in this process's children: it proves that it works, and its tasks hear of SIGTERM."""

import gc
import os
import sys
from types import FrameType
from uuid import UUID

from django.db import connections
from django_q.cluster import Cluster
from django_q.conf import Conf

from platform_site.clusters.broker import HeartbeatBroker
from platform_site.clusters.queues import QUEUES, alternatives_of, settings_of
from platform_site.clusters.registry import deregister, register
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.clusters.slots import renew_slots
from platform_site.supervisor.liveness import Liveness


def run_cluster(cluster: UUID, *, queue: str) -> None:
    """Serve `queue` until SIGTERM or SIGINT, or until the cluster dies. Raises `ForeignSecrets`."""
    register(cluster, queue=queue)
    HeartbeatBroker.serving = cluster
    HeartbeatBroker.liveness = Liveness.of_this_process(os.environ)
    _use_settings_of(queue)
    # Another cluster may have been forked from the same process.
    renew_slots()
    # A connection must not cross a fork.
    connections.close_all()
    # What is loaded stays out of collections, which would copy its pages into each child.
    gc.collect()
    gc.freeze()
    process = _StoppableCluster()
    process.start()
    process.sentinel.join()
    deregister(cluster)


def _use_settings_of(queue: str) -> None:
    """Have django-q2 serve `queue`: it reads the settings of one while it is imported."""
    own = settings_of(queue)
    Conf.CLUSTER_NAME = queue
    for name in {name for other in QUEUES for name in alternatives_of(other)}:
        setattr(Conf, name.upper(), own[name])


class _StoppableCluster(Cluster):  # type: ignore[misc]  # untyped
    """What runs when the signal comes ends or is handed back; nothing begins any more."""

    def start(self) -> int:
        """Fork the cluster's processes and return once they run."""
        clear_shutdown()
        pid: int = super().start()
        return pid

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        """Tell all tasks, then have the cluster stop, which waits for them."""
        request_shutdown()
        if self.sentinel is None:
            sys.exit(0)
        super().sig_handler(signum, frame)
