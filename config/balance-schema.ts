import * as kind from './kinds.ts'
import { listWords } from './problems.ts'

const policies = ['round-robin', 'weighted', 'random', 'least-request'] as const
const policy = () => kind.word(...policies)

export const balanceSchema = kind.choice(
  `one of ${listWords(policies)}, or a mapping with a policy`,
  [
    policy(),
    kind.mapping({ policy: policy().prefault('least-request').describe('How an endpoint is picked.') }),
  ],
  kind.meantWord(policies),
)
