import t from 'tap'
import { formatInput, parseCorpus, readCorpus } from './corpus.ts'
import { TARGETS } from './targets.ts'

t.test('lines of text, of hex and comments', async (t) => {
  const file = ['# why', '', 'text GET /\\r\\n\\x00\\\\', 'hex 00ff 10', 'text '].join('\n')
  t.strictSame(parseCorpus(file), [Buffer.from('GET /\r\n\0\\'), Buffer.from([0, 255, 16]), Buffer.alloc(0)])
})

t.test('what is none of them is an error with its line', async (t) => {
  t.throws(() => parseCorpus('# a\nGET /'), /line 2/)
  t.throws(() => parseCorpus('hex 0'), /line 1/)
  t.throws(() => parseCorpus('text \\q'), /\\q is no escape/)
})

t.test('every input goes round', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    for (const input of [
      Buffer.from(`GET ${String.fromCharCode(byte)} /`, 'latin1'),
      Buffer.alloc(20, byte),
    ]) {
      t.strictSame(parseCorpus(formatInput(input)), [input])
    }
  }
})

t.test('the files can be read', async (t) => {
  for (const { name, maxBytes } of TARGETS) {
    for (const input of readCorpus(name)) t.ok(input.length <= maxBytes, name)
  }
})
