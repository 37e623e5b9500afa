/**
 * proto/greeter.proto and proto/health.proto as JSON descriptors, so that the services find their definitions
 * wherever they run from, without a file to read.
 */
export const GREETER_DESCRIPTOR: object = {
  nested: {
    example: {
      nested: {
        Greeter: {
          methods: { SayHello: { requestType: 'HelloRequest', responseType: 'HelloReply' } },
        },
        HelloRequest: { fields: { name: { type: 'string', id: 1 } } },
        HelloReply: { fields: { message: { type: 'string', id: 1 } } },
      },
    },
  },
}

const HEALTH_V1 = {
  Health: {
    methods: {
      Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse' },
      Watch: {
        requestType: 'HealthCheckRequest',
        responseType: 'HealthCheckResponse',
        responseStream: true,
      },
    },
  },
  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
  HealthCheckResponse: {
    fields: { status: { type: 'ServingStatus', id: 1 } },
    nested: {
      ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
    },
  },
}

export const HEALTH_DESCRIPTOR: object = {
  nested: { grpc: { nested: { health: { nested: { v1: { nested: HEALTH_V1 } } } } } },
}
