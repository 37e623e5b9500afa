import t from 'tap'
import { parseOptions } from '../../bench/options.ts'
import { SCENARIOS } from '../../bench/scenarios.ts'

const PROXIES = ['pillion', 'haproxy']

t.test('without options all scenarios run on whatever is installed', async (t) => {
  const options = parseOptions([], PROXIES)
  t.match(options, { proxies: null, rounds: 3, seconds: 3, build: true, profile: false, quiet: 0 })
  t.same(
    options.scenarios,
    SCENARIOS.map((one) => one.name),
  )
})

t.test('lists are taken apart', async (t) => {
  const options = parseOptions(['--scenario', 'h2-8x50, h1-64,', '--proxies=haproxy', '--no-build'], PROXIES)
  t.match(options, { scenarios: ['h2-8x50', 'h1-64'], proxies: ['haproxy'], build: false })
})

t.test('errors name the option and what would be right', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--scenario', 'h3'], /--scenario: unknown "h3"; known: h2-8x50, /],
    [['--proxies', 'squid'], /--proxies: unknown "squid"; known: pillion, haproxy/],
    [['--proxies', ''], /--proxies: names nothing/],
    [['--rounds', '0'], /--rounds: "0" is not a whole number from 1 to 100/],
    [['--seconds', 'ten'], /--seconds: "ten" is not a whole number from 1 to 600/],
    [['--fast'], /--fast/],
  ]
  for (const [argv, pattern] of cases) t.throws(() => parseOptions(argv, PROXIES), { message: pattern })
})
