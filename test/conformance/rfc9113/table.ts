import t, { type Test } from 'tap'
import { type Frame, pingAck } from '../../support/frames.ts'
import { type End, type EndOptions, makeEnd, type Role, type State } from './ends.ts'

/** What our end must do about what the peer sent. */
export type Outcome =
  | { readonly is: 'connection'; readonly code: string }
  | { readonly is: 'stream'; readonly code: string; readonly on: number }
  | { readonly is: 'sends'; readonly frames: readonly Frame[] }

/** A connection error (RFC 9113 §5.4.1): GOAWAY with this code, every stream told, closed. */
export function connectionError(code: string): Outcome {
  return { is: 'connection', code }
}

/** A stream error (RFC 9113 §5.4.2): RST_STREAM with this code; everything else goes on. */
export function streamError(code: string, on = 1): Outcome {
  return { is: 'stream', code, on }
}

/** Just these frames, and all goes on. */
export function sends(...frames: Frame[]): Outcome {
  return { is: 'sends', frames }
}

/** No answer, and all goes on. */
export const fine = sends()

export interface Case {
  /** The requirement, in short. */
  readonly rule: string
  /** Our role; both when none is named. */
  readonly role?: Role
  /** State of stream 1 before; open by default. */
  readonly state?: State
  readonly options?: EndOptions
  /** What the peer sends. The last frame decides; what comes before it must be no error. */
  readonly frames: readonly Frame[] | ((end: End) => readonly Frame[])
  readonly outcome: Outcome
  /** More to look at behind it. */
  readonly also?: (t: Test, end: End) => void
}

/** What whoever works on a stream is told when the peer breaks the protocol. */
const REASONS: Record<Role, string> = { server: 'bad-request', client: 'upstream-protocol' }
const ROLES: readonly Role[] = ['server', 'client']

/** Runs the cases of one section of an RFC, each in every role it is for. */
export function section(name: string, cases: readonly Case[]): void {
  t.test(name, async (t) => {
    for (const each of cases) {
      for (const role of each.role === undefined ? ROLES : [each.role]) {
        t.test(`${role}: ${each.rule} -> ${outcomeText(each.outcome)}`, async (t) => run(t, role, each))
      }
    }
  })
}

function run(t: Test, role: Role, { state, options, frames, outcome, also }: Case): void {
  const end = makeEnd(role, state ?? 'open', options)
  const list = typeof frames === 'function' ? frames(end) : frames
  const before: Frame[] = []
  for (const frame of list.slice(0, -1)) {
    end.send(frame)
    before.push(...end.take())
  }
  t.notOk(
    before.some(({ type }) => type === 'GOAWAY' || type === 'RST_STREAM'),
    'all is well up to the last frame',
  )
  const told = end.first?.resets.length ?? 0
  const complete = end.first?.ended === true
  end.send(...list.slice(-1))
  const last = end.take()
  if (outcome.is !== 'sends') {
    for (const reason of end.first?.resets.slice(told) ?? [])
      t.match(reason, { code: REASONS[role], unprocessed: role === 'server' })
    t.equal(end.first?.ended === true, complete, 'nothing broken looks complete')
  }
  if (outcome.is === 'connection') connectionFails(t, end, last, outcome.code)
  else if (outcome.is === 'stream') streamFails(t, end, last, outcome)
  else {
    t.strictSame([...before, ...last], outcome.frames)
    goesOn(t, end)
  }
  also?.(t, end)
}

function connectionFails(t: Test, end: End, sent: readonly Frame[], code: string): void {
  const { bench, first } = end
  t.match(sent, [{ type: 'GOAWAY', code }])
  t.equal(sent.length, 1, 'and nothing else')
  t.not((sent[0] as { debug?: string } | undefined)?.debug, '', 'it says why')
  t.equal(bench.transport.closing, true)
  t.equal(bench.connection.active, 0)
  if (first !== null) t.ok(first.resets.length <= 1, 'told at most once')
}

function streamFails(
  t: Test,
  end: End,
  sent: readonly Frame[],
  { code, on }: { code: string; on: number },
): void {
  t.strictSame(sent, [{ type: 'RST_STREAM', stream: on, code }])
  const { first } = end
  if (first !== null) t.ok(first.resets.length <= 1, 'told at most once')
  goesOn(t, end)
  if (end.bench.connection.active === 0)
    t.equal(end.bench.connection.windowWithCredit, end.window, 'every byte of the connection window is back')
}

/** The connection is as good as before. */
function goesOn(t: Test, end: End): void {
  t.equal(end.bench.transport.closing, false)
  end.send({ type: 'PING', payload: 'goes on?' })
  t.strictSame(end.take(), [pingAck('goes on?')])
  t.ok(end.exchange(), 'other streams go on')
}

function outcomeText(outcome: Outcome): string {
  if (outcome.is === 'connection') return `connection error ${outcome.code}`
  if (outcome.is === 'stream') return `stream error ${outcome.code}`
  return outcome.frames.length === 0 ? 'fine' : outcome.frames.map(({ type }) => type).join(', ')
}
