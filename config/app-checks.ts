import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { checkOneOf, type Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { parseDuration } from './values.ts'

/** What is contradictory or not there in `app`. `given`: its command came from the command line, not from the file. */
export function checkApp(
  root: Part,
  baseDir: string,
  given: boolean,
  problem: Report,
  warning: Report,
): void {
  const app = root.get('app')
  if (!app.isMapping) return
  const cwd = app.get('cwd')
  const folder = cwd.text() === null ? process.cwd() : resolve(baseDir, cwd.text()!)
  const wrongFolder = cwd.text() === null ? null : whyNoFolder(folder)
  if (wrongFolder !== null) problem(cwd.path, `${folder}: ${wrongFolder}, expected a folder to run in`)
  else if (!given) checkProgram(app, folder, problem)
  const checks = ['ready', 'live'].map((key) => app.get(key)).filter((check) => check.exists)
  for (const check of checks) checkOneOf(check, ['http', 'grpc', 'tcp'], problem)
  const [check] = checks
  if (check !== undefined && !app.has('address')) {
    problem(app.get('address').path, `missing, expected where ${formatPath(check.path)} reaches it`)
  } else if (check === undefined && app.has('address')) {
    warning(app.get('address').path, 'has no effect, because there is neither ready nor live, expected one')
  }
  checkBackOff(app.get('restart'), problem, warning)
  checkGrace(root, app, warning)
}

function checkProgram(app: Part, folder: string, problem: Report): void {
  const [program] = app.get('command').children()
  const name = program?.text()
  if (program === undefined || name === null || name === undefined) return
  const path = app.get('env').get('PATH').text() ?? process.env.PATH
  const wrong = whyNotRunnable(name, folder, path)
  if (wrong !== null) problem(program.path, `${wrong}, expected a program that can be run`)
}

/** Where execvp(3) looks without PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'

/**
 * Why a program cannot be run, or `null` when it can. With a slash it is looked for from `folder`, otherwise in the
 * folders of `path`, as execvp(3) does.
 */
export function whyNotRunnable(program: string, folder: string, path = DEFAULT_PATH): string | null {
  if (program === '') return 'the program has no name'
  if (program.includes('/')) {
    const file = resolve(folder, program)
    const wrong = whyNoProgram(file)
    return wrong === null ? null : `${file}: ${wrong}`
  }
  let forbidden: string | null = null
  for (const place of path.split(delimiter)) {
    const file = join(resolve(folder, place), program)
    const wrong = whyNoProgram(file)
    if (wrong === null) return null
    if (wrong !== MISSING) forbidden ??= `${file}: ${wrong}`
  }
  return forbidden ?? `no program \`${program}\` in PATH`
}

const MISSING = 'no such file'

function whyNoProgram(file: string): string | null {
  try {
    if (statSync(file).isDirectory()) return 'it is a folder'
    accessSync(file, constants.X_OK)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EACCES' || code === 'EPERM' ? 'this user may not execute it' : MISSING
  }
}

/** Why a folder cannot be worked in, or `null` when it can. */
function whyNoFolder(folder: string): string | null {
  try {
    if (!statSync(folder).isDirectory()) return 'it is no folder'
    accessSync(folder, constants.X_OK)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EACCES' || code === 'EPERM' ? 'this user may not enter it' : 'no such folder'
  }
}

function checkBackOff(restart: Part, problem: Report, warning: Report): void {
  const [from, to] = [restart.get('backOff').get('from'), restart.get('backOff').get('to')]
  const [least, most] = [parseDuration(from.text() ?? '1s'), parseDuration(to.text() ?? '30s')]
  if (least !== null && most !== null && least > most) {
    const [at, other] = to.exists ? [to, from] : [from, to]
    const which = to.exists ? 'at least' : 'at most'
    const value = to.exists ? (from.text() ?? '1s') : '30s'
    problem(at.path, `${at.text()} contradicts ${formatPath(other.path)}, expected ${which} ${value}`)
  }
  if (restart.get('policy').text() !== 'never') return
  for (const key of ['backOff', 'limit', 'onCrashLoop']) {
    if (restart.has(key)) warning(restart.get(key).path, 'has no effect, because policy is `never`')
  }
}

/** The application gets what is left of the sidecar's own grace. */
function checkGrace(root: Part, app: Part, warning: Report): void {
  const own = app.get('stop').get('grace')
  const whole = root.get('shutdown').get('grace')
  const [one, all] = [parseDuration(own.text() ?? '10s'), parseDuration(whole.text() ?? '25s')]
  if (one === null || all === null || one < all) return
  const at = own.exists ? own : whole
  if (!at.exists) return
  const numbers = `app.stop.grace is ${own.text() ?? '10s'} and shutdown.grace ${whole.text() ?? '25s'}`
  warning(at.path, `the application may be killed earlier, because ${numbers}, expected more for the sidecar`)
}
