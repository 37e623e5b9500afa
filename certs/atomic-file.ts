import { randomBytes } from 'node:crypto'
import { link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CertificateError, type CertificateProblem, fileProblem } from './certificate-error.ts'

/** Mode of private keys: the owner only. */
export const KEY_MODE = 0o600
/** Mode of certificates, which are public. */
export const CERTIFICATE_MODE = 0o644

export interface WriteOptions {
  readonly mode: number
  /** Replace a file that exists; default false. */
  readonly force?: boolean | undefined
}

/**
 * Writes a file whole or not at all: a temporary file in the same folder is filled, flushed to the disk, and then takes
 * the name. The mode is set before the first byte is written, whatever the umask. Folders are made as needed.
 * @throws {CertificateError} when the file exists and `force` is not set, or when writing fails
 */
export async function writeFileAtomic(file: string, text: string, options: WriteOptions): Promise<void> {
  const folder = dirname(file)
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await makeFolder(folder)
    // "wx": the name is new, so nobody can have prepared it with another mode or as a link.
    const handle = await open(temporary, 'wx', options.mode)
    try {
      await handle.chmod(options.mode)
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (options.force) await rename(temporary, file)
    else await linkNew(temporary, file)
    await syncFolder(folder)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    if (error instanceof CertificateError) throw error
    const taken = (error as NodeJS.ErrnoException).code === 'EEXIST'
    const message = taken ? EXISTS : `cannot be written: ${fileProblem(error)}`
    throw new CertificateError([{ file, message }])
  }
}

const EXISTS = 'exists already; choose another place, or replace it with --force'

/** Like mkdir() with `recursive`, which does not come back on file systems that refuse a name with ENOENT (/proc). */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && dirname(folder) !== folder && !(await exists(dirname(folder)))) {
      await makeFolder(dirname(folder))
      await mkdir(folder)
    } else if (code !== 'EEXIST') throw error
  }
}

/** A hard link, unlike rename(), fails when the name is taken: two writers cannot overwrite each other. */
async function linkNew(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file)
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    await refuseExisting([file])
    return await rename(temporary, file)
  }
  await unlink(temporary)
}

/** What file systems without hard links answer. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/**
 * Checks that none of the files exists, before work that would be in vain.
 * @throws {CertificateError} naming each one that does
 */
export async function refuseExisting(files: readonly string[]): Promise<void> {
  const problems: CertificateProblem[] = []
  for (const file of files) {
    if (await exists(file)) problems.push({ file, message: EXISTS })
  }
  if (problems.length > 0) throw new CertificateError(problems)
}

async function exists(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  )
}

/** Makes the new name itself survive a power cut; some file systems cannot do it, which is no failure. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
