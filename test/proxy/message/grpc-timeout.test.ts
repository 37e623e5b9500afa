import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { formatGrpcTimeout, parseGrpcTimeout } from '../../../proxy/message/grpc-timeout.ts'

t.test('what is a timeout', async (t) => {
  const cases: [string, number][] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5u', 0.005],
    ['6n', 0.000006],
    ['00000001m', 1],
    ['99999999m', 99_999_999],
    ['99999999H', 99_999_999 * 3_600_000],
    ['0m', 0],
  ]
  for (const [text, ms] of cases) t.ok(Math.abs(parseGrpcTimeout(text) - ms) < 1e-9, text)
})

t.test('what is none', async (t) => {
  const malformed = ',1,m,S,1s,1h,1ms,100000000m,000000001m,1 m, 1m,1m ,-1m,+1m,1.5S,1e3m,0x1m,1m\0,١m,1µ,NaN'
  for (const text of malformed.split(',')) t.equal(parseGrpcTimeout(text), -1, JSON.stringify(text))
  t.equal(parseGrpcTimeout('1S, 2S'), -1, 'two of them')
})

t.test('what is written is read back, never as more, and close to it', async (t) => {
  const random = new SeededRandom(1)
  for (let i = 0; i < 20_000; i++) {
    const ms = 10 ** (random.next() * 15 - 3)
    const text = formatGrpcTimeout(ms)
    const back = parseGrpcTimeout(text)
    if (!/^[0-9]{1,8}[HMSmu]$/.test(text)) t.fail(`${ms} became ${text}`)
    if (back > ms + 1e-9 && back > 0.001) t.fail(`${ms} became ${text}, which is more`)
    if (back < ms * 0.99 - 0.001) t.fail(`${ms} became ${text}, which is far less`)
  }
  t.equal(formatGrpcTimeout(0), '1u')
  t.equal(formatGrpcTimeout(250.5), '250500u')
  t.equal(formatGrpcTimeout(99_999.9999), '99999999u')
  t.equal(formatGrpcTimeout(100_000), '100000m')
  t.equal(formatGrpcTimeout(Number.MAX_VALUE), '99999999H')
})
