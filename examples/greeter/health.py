"""The gRPC health service, as far as a sidecar asks for it: Check.

Callers of Watch are told UNIMPLEMENTED, which the health checking protocol foresees. A project that has
grpcio-health-checking installed uses that package in place of this file.
"""

import threading

import grpc

import health_pb2
import health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health(health_pb2_grpc.HealthServicer):
    """Answers for the given services and, under the empty name, for the server as a whole."""

    def __init__(self, *services: str) -> None:
        self._lock = threading.Lock()
        self._statuses = {name: SERVING for name in ("", *services)}

    def shutdown(self) -> None:
        """From now on nothing is serving."""
        with self._lock:
            for name in self._statuses:
                self._statuses[name] = NOT_SERVING

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        with self._lock:
            status = self._statuses.get(request.service)
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service!r}")
        return health_pb2.HealthCheckResponse(status=status)
