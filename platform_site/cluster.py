"""A django-q2 cluster whose tasks hear of SIGTERM, so that they can end early."""

import sys
from types import FrameType

from django_q.cluster import Cluster

from platform_site.stopping import ask_to_stop, take_up_work


class StoppableCluster(Cluster):  # type: ignore[misc]  # untyped
    """Stops in order on SIGTERM and SIGINT: what runs ends or is handed back, nothing begins."""

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
