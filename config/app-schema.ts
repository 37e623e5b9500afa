import { z } from 'zod'
import { healthSchema } from './health-schema.ts'
import * as kind from './kinds.ts'

const programText = kind.text('text', 'text', (input) => !input.includes('\0'))

const { http, grpc, tcp, jitter } = healthSchema.shape

/** How a check is made; the rest of its keys differ between `ready` and `live`. */
const probe = {
  http,
  grpc,
  tcp: tcp.describe('Checks by connecting.'),
}

const readySchema = kind.mapping({
  ...probe,
  interval: kind
    .duration()
    .prefault('2s')
    .describe('Time between two checks. Until the application is ready it is 250ms at most.'),
  timeout: kind.duration().prefault('1s').describe('Longest time for one check.'),
  within: kind
    .duration()
    .prefault('1m')
    .describe(
      'Longest time from the start of the application until it is ready; then it is stopped and started again.',
    ),
  unhealthyAfter: kind
    .wholeNumber(1, 100)
    .prefault(3)
    .describe('Failed checks in a row until a ready application is no longer ready. It is not restarted.'),
  healthyAfter: kind
    .wholeNumber(1, 100)
    .prefault(1)
    .describe('Passed checks in a row until an application that failed one is ready.'),
  jitter,
})

const liveSchema = kind.mapping({
  ...probe,
  interval: kind.duration().prefault('5s').describe('Time between two checks.'),
  timeout: kind.duration().prefault('2s').describe('Longest time for one check.'),
  unhealthyAfter: kind
    .wholeNumber(1, 100)
    .prefault(3)
    .describe('Failed checks in a row until the application is stopped and started again.'),
  jitter,
})

const restartSchema = kind.mapping({
  policy: kind
    .word('on-failure', 'always', 'never')
    .prefault('on-failure')
    .describe(
      'When the application is started again after its end. `on-failure`: unless its exit code is 0. Where it is not started again, the sidecar drains and exits with its exit code.',
    ),
  backOff: kind
    .mapping({
      from: kind.duration().prefault('1s').describe('Wait before the first restart; it doubles with each.'),
      to: kind.duration().prefault('30s').describe('Longest wait.'),
      jitter: kind
        .percent()
        .prefault('20%')
        .describe('How much of each wait is taken off at random, at most.'),
    })
    .prefault({})
    .describe('Waits between restarts. They start anew once the application has run for twice `to`.'),
  limit: kind
    .orOff(
      'a mapping with restarts and within',
      kind.mapping({
        restarts: kind.wholeNumber(1, 1000).prefault(5).describe('Restarts within this time.'),
        within: kind
          .duration()
          .prefault('1m')
          .describe('The time that the application ran between them; waits do not count.'),
      }),
    )
    .prefault({})
    .describe('With more restarts than this the application is in a crash loop. `off`: no limit.'),
  onCrashLoop: kind
    .word('exit', 'keep')
    .prefault('exit')
    .describe(
      "What then happens. `exit`: the sidecar drains and exits with the application's exit code, 1 if that is 0. `keep`: it goes on without the application, not ready.",
    ),
})

const stopSchema = kind.mapping({
  signal: kind
    .word('SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL')
    .prefault('SIGTERM')
    .describe('How it is asked to end. Its whole process group gets the signal.'),
  grace: kind
    .duration(true)
    .prefault('10s')
    .describe('Longest time from the signal until it is killed by SIGKILL.'),
})

export const appSchema = kind.mapping(
  {
    command: z
      .array(programText, {
        error: kind.expects('a list of a program and its arguments such as [node, server.js]', listMeant),
      })
      .min(1, { error: kind.expects('a list of a program and its arguments such as [node, server.js]') })
      .describe(
        'Program and arguments, run without a shell. A program with a slash is looked for from `cwd`, another in `PATH`. A command behind `--` on the command line replaces it.',
      ),
    cwd: kind
      .text('the path of a folder such as /srv/app', 'path', (input) => input !== '' && !input.includes('\0'))
      .optional()
      .describe('The folder it runs in. By default the one in which the sidecar was started.'),
    env: z
      .record(
        kind.text('the name of a variable such as PORT', 'name', (input) => /^[^=\0]+$/.test(input)),
        programText,
        { error: kind.expects('a mapping of names to text such as { PORT: "8080" }') },
      )
      .prefault({})
      .describe(
        "Variables added to the sidecar's own environment. The admin server does not show their values.",
      ),
    address: kind
      .endpointAddress()
      .optional()
      .describe('Where `ready` and `live` reach it, in plain text. Required with either.'),
    restart: restartSchema.prefault({}).describe('What happens when it has ended.'),
    ready: readySchema
      .optional()
      .describe(
        'Decides when it is ready, and `/ready` with it. By default the check of `live`; without either it is ready as soon as it runs.',
      ),
    live: liveSchema
      .optional()
      .describe('Finds an application that hangs, to restart it. Checked once it is ready.'),
    stop: stopSchema.prefault({}).describe('How it is stopped.'),
  },
  'a mapping with a command such as { command: [node, server.js] }',
)

/** Somebody wrote a line for a shell. */
function listMeant(input: unknown): string | null {
  if (typeof input !== 'string' || !/^[\w./ =:@-]+$/.test(input)) return null
  return `[${input.trim().split(/ +/).join(', ')}]`
}
