#!/usr/bin/env python3
"""Greets by way of the sidecar on this side: plain text on loopback, the service named by its mesh authority."""

import argparse
import sys

import grpc

import greeter_pb2
import greeter_pb2_grpc


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sidecar", default="127.0.0.1:15001", help="outbound listener of the sidecar (default: %(default)s)"
    )
    parser.add_argument(
        "--authority", default="greeter.mesh", help="name of the service in the mesh (default: %(default)s)"
    )
    parser.add_argument("--count", type=int, default=1, help="calls to make (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds for each call (default: %(default)s)")
    parser.add_argument("name", nargs="?", default="World", help="whom to greet (default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    options = [("grpc.default_authority", arguments.authority)]
    with grpc.insecure_channel(arguments.sidecar, options=options) as channel:
        greeter = greeter_pb2_grpc.GreeterStub(channel)
        request = greeter_pb2.HelloRequest(name=arguments.name)
        for _ in range(arguments.count):
            try:
                reply, call = greeter.SayHello.with_call(request, timeout=arguments.timeout)
            except grpc.RpcError as error:
                print(f"error: {error.code().name}: {error.details()}", file=sys.stderr)
                return 1
            instance = dict(call.initial_metadata()).get("x-instance", "unknown")
            print(f"{reply.message} (from {instance})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
