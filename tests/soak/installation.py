"""All that runs beside the soak: the vendor and the line to it, the hosts and what is around."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from tests.soak.environment import WORKER_HOSTS, Place
from tests.soak.event_loop import Loop
from tests.soak.hosts import Host, Runner, wait_for
from tests.soak.load_balancer import Front
from tests.soak.plan import PROMPT, Plan
from tests.soak.tcp_proxy import Line
from tests.soak.webhook_receiver import Receiver
from tests.support.api import GENERATIONS, generation_body

_WARM_UP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Scene:
    """All that runs."""

    loop: Loop
    line: Line
    front: Front
    receiver: Receiver
    vendor: Runner
    hosts: list[Host]


@contextlib.contextmanager
def set_scene(plan: Plan, place: Place) -> Iterator[Scene]:
    """Start everything but the hosts, which want a team first; end all of it afterwards."""
    with contextlib.ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        vendor = _vendor(place)
        stack.callback(vendor.kill)
        line = Line(loop, port=place.line_port, vendor_port=place.vendor_port)
        stack.callback(line.close)
        receiver = Receiver(loop, port=place.receiver_port, seed=plan.seed)
        stack.callback(receiver.close)
        front = Front(loop, port=place.front_port, web_ports=list(place.web_ports), seed=plan.seed)
        stack.callback(front.close)
        hosts = _hosts(place)
        for host in hosts:
            stack.callback(host.kill)
        vendor.start()
        wait_for(f"{place.vendor_url}/healthz")
        yield Scene(loop, line, front, receiver, vendor, hosts)


def _vendor(place: Place) -> Runner:
    folder = place.folder / "vendor"
    folder.mkdir()
    environment = {
        **place.environment,
        "DATA_DIR": str(folder),
        "SANDBOX_PUBLIC_URL": place.environment["SANDBOX_URL"],
        "SANDBOX_CALLBACK_RETRIES": "0,4,15",
        "SANDBOX_LATENCY": "0.03",
    }
    command = (sys.executable, "-m", "sandbox", "--port", str(place.vendor_port))
    return Runner(command, environment, folder / "sandbox.log")


def _hosts(place: Place) -> list[Host]:
    ports: list[int | None] = [*place.web_ports, *[None] * WORKER_HOSTS]
    hosts = []
    for number, port in enumerate(ports):
        name = f"host-{'abcdef'[number]}"
        folder = place.host_folder(name)
        hosts.append(Host(name, folder, port=port, environment=place.environment))
    return hosts


def warm_up(place: Place, plan: Plan) -> None:
    """Have each film rendered once: the soak is about us, not about the renderer."""
    headers = {"Authorization": "Bearer sk-sandbox-warm-up"}
    films = {json.dumps(job.inputs, sort_keys=True) for job in plan.jobs}
    with httpx.Client(base_url=place.vendor_url, headers=headers, timeout=60) as vendor:
        tasks = []
        for inputs in sorted(films):
            body = generation_body(PROMPT, **json.loads(inputs))
            reply = vendor.post(GENERATIONS, json=body).raise_for_status()
            tasks.append(reply.json()["data"]["taskId"])
        ends = time.monotonic() + _WARM_UP_SECONDS
        while any(vendor.get(f"/v1/tasks/{one}").json()["status"] != "completed" for one in tasks):
            if time.monotonic() > ends:
                raise TimeoutError("The vendor does not render.")
            time.sleep(0.3)
