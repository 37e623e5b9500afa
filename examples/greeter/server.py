#!/usr/bin/env python3
"""The Greeter, in plain text on loopback: the sidecar beside it brings mutual TLS, policies and metrics."""

import argparse
import signal
import sys
import threading
from concurrent import futures

import grpc

import greeter_pb2
import greeter_pb2_grpc
import health_pb2_grpc
from health import Health

SHUTDOWN_GRACE_SECONDS = 5


class Greeter(greeter_pb2_grpc.GreeterServicer):
    def __init__(self, instance: str) -> None:
        self._instance = instance

    def SayHello(
        self, request: greeter_pb2.HelloRequest, context: grpc.ServicerContext
    ) -> greeter_pb2.HelloReply:
        context.send_initial_metadata((("x-instance", self._instance),))
        return greeter_pb2.HelloReply(message=f"Hello, {request.name}.")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:50051", help="where to listen (default: %(default)s)")
    parser.add_argument("--name", default="greeter", help="the x-instance of every answer (default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    # SO_REUSEPORT, which gRPC sets by default, would let two servers share the port without a word.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
    health = Health("example.Greeter")
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(arguments.name), server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    try:
        port = server.add_insecure_port(arguments.address)
    except RuntimeError:
        port = 0
    if port == 0:
        print(f"error: cannot listen on {arguments.address}", file=sys.stderr)
        return 1

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    server.start()
    host = arguments.address.rpartition(":")[0]
    print(f"listening on {host}:{port}", flush=True)
    stop.wait()
    health.shutdown()
    server.stop(SHUTDOWN_GRACE_SECONDS).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
