import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadEndpoints } from '../../../config/endpoints-file.ts'
import type { EndpointConfig } from '../../../config/types/upstream.ts'
import { FileSource } from '../../../proxy/discovery/file-source.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

class Bench {
  readonly clock = new VirtualClock()
  readonly said: string[] = []
  readonly folder: string
  readonly file: string
  readonly source: FileSource
  reads = 0

  constructor(t: Test, path = 'endpoints.yaml') {
    this.folder = t.testdir({})
    this.file = join(this.folder, path)
    const load = (file: string) => {
      this.reads += 1
      return loadEndpoints(file)
    }
    this.source = new FileSource({ file: this.file, load, timers: this.clock.timers })
    t.teardown(() => this.source.stop())
  }

  start(): void {
    this.source.start({
      found: (endpoints: readonly EndpointConfig[]) =>
        this.said.push(
          endpoints.map(({ address, weight, priority }) => `${address.text} ${weight} ${priority}`).join(),
        ),
      empty: (why) => this.said.push(`empty: ${why}`),
      failed: (code, why) => this.said.push(`failed ${code}: ${why.replaceAll(this.folder, '.')}`),
    })
  }

  /** Until so much has been said; polls only when asked to. */
  async heard(count: number, poll = false): Promise<string> {
    while (this.said.length < count) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      this.clock.advance(poll ? 1000 : 20)
    }
    return this.said[count - 1] as string
  }
}

t.test('YAML and JSON, weights and priorities, changes in place and by another file', async (t) => {
  const bench = new Bench(t)
  writeFileSync(bench.file, '- 10.0.0.1:80\n- { address: 10.0.0.2:80, weight: 3, priority: 1 }\n')
  bench.start()
  t.equal(await bench.heard(1), '10.0.0.1:80 1 0,10.0.0.2:80 3 1')
  writeFileSync(bench.file, '["10.0.0.3:80", {"address": "[::1]:80", "weight": 2}]')
  t.equal(await bench.heard(2), '10.0.0.3:80 1 0,[::1]:80 2 0')
  writeFileSync(join(bench.folder, 'new'), '- 10.0.0.4:80\n')
  renameSync(join(bench.folder, 'new'), bench.file)
  t.equal(await bench.heard(3), '10.0.0.4:80 1 0')
  writeFileSync(bench.file, '[]')
  t.equal(await bench.heard(4), 'empty: the list is empty')
})

t.test('a bad file is told with its places', async (t) => {
  const bench = new Bench(t)
  writeFileSync(bench.file, '- 10.0.0.1:80\n')
  bench.start()
  writeFileSync(
    bench.file,
    '- 10.0.0.1:80\n- { address: 10.0.0.1:80 }\n- { address: x, weight: 0, wieght: 1 }\n- y\n',
  )
  const problems = await bench.heard(2)
  t.match(
    problems,
    /^failed invalid: \.\/endpoints\.yaml:2:14: \[1\]\.address: 10\.0\.0\.1:80 is \[0\] already/,
  )
  t.match(problems, /; \.\/endpoints\.yaml:3:14: \[2\]\.address: expected an address/)
  t.match(problems, /; and 2 more$/)
  for (const [text, told] of [
    ['', /1:1: the file is empty, expected a list of addresses/],
    [
      'endpoints: [a:1]\n',
      /1:1: expected a list of addresses such as \[10.0.0.1:8080\], or \[\] for none, got a mapping/,
    ],
    ['- [a\n', /not valid YAML/],
    ['- \xff\n', /not text in UTF-8/],
  ] as const) {
    const before = bench.said.length
    writeFileSync(bench.file, Buffer.from(text, 'latin1'))
    t.match(await bench.heard(before + 1), told)
  }
  rmSync(bench.file)
  t.equal(
    await bench.heard(bench.said.length + 1),
    'failed unreadable: ./endpoints.yaml:1:1: no such file, expected a list of endpoints',
  )
})

t.test('a file that comes later, and one whose folder does', async (t) => {
  const bench = new Bench(t, 'later/endpoints.yaml')
  bench.start()
  t.match(bench.said, [/^failed unreadable: .*no such file/])
  mkdirSync(join(bench.folder, 'later'))
  writeFileSync(bench.file, '- 10.0.0.1:80\n')
  t.equal(await bench.heard(2, true), '10.0.0.1:80 1 0')
})

t.test('a ConfigMap: the link to its folder is swapped', async (t) => {
  const bench = new Bench(t)
  const { folder } = bench
  for (const [version, address] of [
    ['..1', '10.0.0.1:80'],
    ['..2', '10.0.0.2:80'],
  ] as const) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'endpoints.yaml'), `- ${address}\n`)
  }
  symlinkSync('..1', join(folder, '..data'))
  symlinkSync('..data/endpoints.yaml', bench.file)
  bench.start()
  t.equal(await bench.heard(1), '10.0.0.1:80 1 0')
  symlinkSync('..2', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  rmSync(join(folder, '..1'), { recursive: true })
  t.equal(await bench.heard(2), '10.0.0.2:80 1 0')
})

t.test('what changes beside it is not read', async (t) => {
  const bench = new Bench(t)
  writeFileSync(bench.file, '- 10.0.0.1:80\n')
  bench.start()
  for (let i = 0; i < 20; i++) {
    writeFileSync(join(bench.folder, 'log'), String(i))
    await new Promise((resolve) => setTimeout(resolve, 2))
    bench.clock.advance(500)
  }
  t.equal(bench.reads, 1)
  // However restless the folder, a change is seen.
  writeFileSync(bench.file, '- 10.0.0.2:80\n')
  while (bench.said.length < 2) {
    writeFileSync(join(bench.folder, 'log'), 'x')
    await new Promise((resolve) => setTimeout(resolve, 2))
    bench.clock.advance(50)
  }
  t.equal(bench.said[1], '10.0.0.2:80 1 0')
})

t.test('nothing is left when it stops', async (t) => {
  const bench = new Bench(t)
  writeFileSync(bench.file, '- 10.0.0.1:80\n')
  bench.start()
  bench.source.stop()
  t.equal(bench.clock.timers.armed, 0)
  writeFileSync(bench.file, '- 10.0.0.2:80\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  bench.clock.advance(20_000)
  t.equal(bench.reads, 1)
  t.equal(bench.clock.timers.armed, 0)
})

t.test(
  'a folder, a pipe, a device or a loop of links in its place: nobody waits for it, the last endpoints stay',
  async (t) => {
    const bench = new Bench(t)
    writeFileSync(bench.file, '- 10.0.0.1:80\n')
    bench.start()
    t.equal(await bench.heard(1), '10.0.0.1:80 1 0')
    const inItsPlace: [() => void, RegExp][] = [
      [() => mkdirSync(bench.file), /it is a folder/],
      [() => execFileSync('mkfifo', [bench.file]), /it is a pipe or a device/],
      [() => symlinkSync('/dev/zero', bench.file), /it is a pipe or a device/],
      [() => symlinkSync(bench.file, bench.file), /ELOOP|link/],
    ]
    for (const [put, told] of inItsPlace) {
      rmSync(bench.file, { recursive: true })
      put()
      const { length } = bench.said
      await bench.heard(length + 1)
      t.match(bench.said.at(-1), /^failed unreadable: /)
      t.match(bench.said.at(-1), told)
    }
  },
)
