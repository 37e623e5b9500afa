import t from 'tap'
import { prefersOpenMetrics } from '../../../proxy/telemetry/accept.ts'

const openMetrics = [
  'application/openmetrics-text',
  'application/openmetrics-text; version=1.0.0; charset=utf-8',
  'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.3',
  'Application/OpenMetrics-Text;Q=0.5',
]
const text = [
  undefined,
  '',
  '*/*',
  'text/html,*/*;q=0.8',
  'text/plain;version=0.0.4',
  'application/openmetrics-text;q=0',
  'application/openmetrics-text;q=0.3,text/plain;q=0.7',
  'application/openmetrics-text;version=9.0.0',
  'application/openmetrics-text;q=nonsense',
]

t.test('OpenMetrics goes to those who prefer it', async (t) => {
  for (const accept of openMetrics) t.equal(prefersOpenMetrics(accept), true, accept)
  for (const accept of text) t.equal(prefersOpenMetrics(accept), false, String(accept))
})
