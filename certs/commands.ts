import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { refuseExisting } from './atomic-file.ts'
import { createAuthority, DEFAULT_CA_TTL_MS, DEFAULT_LEAF_TTL_MS, issueLeaf } from './authority.ts'
import { CertificateError, IssueError } from './certificate-error.ts'
import { isoSeconds } from './chain.ts'
import { type CertificateDescription, describeCertificate, formatDescription } from './describe.ts'
import { DurationError, formatDuration, parseDuration } from './duration.ts'
import { KEY_TYPES, type KeyType } from './private-key.ts'
import { parseSpiffeId, type SpiffeId, serviceId } from './spiffe-id.ts'
import {
  authorityFiles,
  CA_KEY_FILE,
  loadAuthority,
  loadCertificates,
  loadIdentity,
  writeAuthority,
  writeCertificate,
} from './store.ts'

/** Exit code for bad usage and bad input alike. */
const EXIT_INVALID = 2

/**
 * Adds `certs ca`, `certs issue`, `certs show` and `certs verify` to a program. They print results to standard output
 * and `error: ...` lines to standard error, and end the process with code 2 when something is wrong with the command
 * line or the files.
 */
export function registerCertsCommands(program: Command): void {
  const certs = program
    .command('certs')
    .description('make, issue and inspect certificates for mutual TLS')
    // Commander's own code for bad usage is 1. Set before the subcommands are made, as they inherit it.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_INVALID))
  registerCa(certs)
  registerIssue(certs)
  registerShow(certs)
  registerVerify(certs)
}

interface CaOptions {
  trustDomain: string
  out: string
  keyType: KeyType
  ttl: number
  name?: string
  force?: true
}

function registerCa(certs: Command): void {
  const command = certs
    .command('ca')
    .description(
      'make a certificate authority: DIR/ca.crt (give it to everybody) and DIR/ca.key (keep it secret)',
    )
    .requiredOption('--trust-domain <name>', 'trust domain of all workloads of this CA, such as mesh.local')
    .requiredOption('--out <dir>', 'folder to write to; made when missing')
    .addOption(keyTypeOption())
    .addOption(ttlOption(DEFAULT_CA_TTL_MS, '3650d'))
    .option('--name <text>', 'common name of the CA (default: "Pillion CA <trust domain>")')
    .option('--force', 'replace a CA that is there already; all its certificates stop being trusted')
    .addHelpText(
      'after',
      examples(
        'certs ca --trust-domain mesh.local --out certs',
        'certs ca --trust-domain prod.example --out ca --key-type rsa-4096 --ttl 1825d',
      ),
    )
  run<CaOptions>(command, async (_files, options) => {
    const { certificateFile, keyFile } = authorityFiles(options.out)
    if (!options.force) await refuseExisting([certificateFile, keyFile])
    announceKey(options.keyType)
    const authority = await createAuthority(options)
    await writeAuthority(options.out, authority, { force: options.force })
    const until = isoSeconds(Date.parse(authority.certificate.validTo))
    print(
      `wrote ${certificateFile}  CA of ${options.trustDomain}, valid until ${until}; the trust bundle of every workload`,
      `wrote ${keyFile}  its private key, mode 0600; keep it secret`,
      `next: pillion certs issue --ca ${options.out} --service NAME --out ${options.out}`,
    )
  })
}

interface IssueOptions {
  ca: string
  id?: string
  service?: string
  namespace?: string
  dns?: string[]
  ip?: string[]
  ttl: number
  keyType: KeyType
  out: string
  force?: true
}

function registerIssue(certs: Command): void {
  const command = certs
    .command('issue')
    .description(
      "issue a workload's certificate: OUT/NAME.crt and OUT/NAME.key, for both sides of mutual TLS",
    )
    .requiredOption('--ca <dir>', 'folder with ca.crt and ca.key')
    .option('--id <spiffe-id>', 'SPIFFE ID, such as spiffe://mesh.local/ns/default/sa/web')
    .option('--service <name>', 'instead of --id: makes spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/NAME')
    .option('--namespace <name>', 'namespace, with --service (default: "default")')
    .option('--dns <name...>', 'DNS names to put in as well, for clients that check them')
    .option('--ip <address...>', 'IP addresses to put in as well')
    .addOption(ttlOption(DEFAULT_LEAF_TTL_MS, '24h'))
    .addOption(keyTypeOption())
    .requiredOption('--out <dir>', 'folder to write to; made when missing')
    .option('--force', 'replace files that are there already, as for a renewal')
    .addHelpText(
      'after',
      examples(
        'certs issue --ca certs --service checkout --out certs',
        'certs issue --ca certs --id spiffe://mesh.local/ns/shop/sa/web --dns web.shop.svc --out certs',
        'certs issue --ca certs --service checkout --out certs --ttl 90d --force',
      ),
    )
  run<IssueOptions>(command, async (_files, options) => {
    checkIdOptions(options)
    const authority = await loadAuthority(options.ca)
    const id = requestedId(options, authority.trustDomain)
    const name = id.lastSegment
    const certificateFile = join(options.out, `${name}.crt`)
    const keyFile = join(options.out, `${name}.key`)
    const ca = authorityFiles(options.ca)
    if (resolve(keyFile) === resolve(ca.keyFile)) {
      throw new IssueError(`${certificateFile} and ${CA_KEY_FILE} are the CA's own; use another --out folder`)
    }
    if (!options.force) await refuseExisting([certificateFile, keyFile])
    announceKey(options.keyType)
    const leaf = await issueLeaf({
      authority,
      spiffeId: id,
      dnsNames: options.dns,
      ipAddresses: options.ip,
      ttl: options.ttl,
      keyType: options.keyType,
    })
    await writeCertificate({ certificateFile, keyFile }, leaf.chainPem, leaf.keyPem, { force: options.force })
    const left = formatDuration(Math.round((leaf.notAfter - Date.now()) / 60_000) * 60_000)
    print(
      `wrote ${certificateFile}  ${id}, valid until ${isoSeconds(leaf.notAfter)} (${left})`,
      `wrote ${keyFile}  its private key, mode 0600; keep it secret`,
    )
    if (leaf.notAfter === Date.parse(authority.certificate.validTo)) {
      print('note: the CA expires at that time, so the certificate could not be made to last longer')
    }
    print(
      '',
      'in pillion.yaml:',
      '  identity:',
      `    trustDomain: ${id.trustDomain}`,
      `    certificateFile: ${certificateFile}`,
      `    keyFile: ${keyFile}`,
      `    trustBundleFile: ${ca.certificateFile}`,
    )
  })
}

function registerShow(certs: Command): void {
  const command = certs
    .command('show')
    .description('describe every certificate of some PEM files')
    .argument('<file...>', 'PEM files with one or more certificates')
    .option('--json', 'print a JSON array instead, one object per certificate')
    .addHelpText('after', examples('certs show certs/checkout.crt', 'certs show --json certs/*.crt'))
  run<{ json?: true }>(command, async (files, options) => {
    const shown: ({ file: string; position: number } & CertificateDescription)[] = []
    const errors: string[] = []
    for (const file of files) {
      try {
        const certificates = await loadCertificates(file)
        certificates.forEach((certificate, index) => {
          shown.push({ file, position: index + 1, ...describeCertificate(certificate, Date.now()) })
        })
      } catch (error) {
        errors.push(...messages(error, file))
      }
    }
    if (options.json) print(JSON.stringify(shown, null, 2))
    else print(...shown.map((one) => `${one.file}, certificate ${one.position}:\n${formatDescription(one)}`))
    fail(errors)
  })
}

interface VerifyOptions {
  certificate: string
  key: string
  trustBundle: string
  trustDomain?: string
}

function registerVerify(certs: Command): void {
  const command = certs
    .command('verify')
    .description(
      'check that certificate, key and trust bundle work together, as the proxy does when it starts',
    )
    .requiredOption('--certificate <file>', 'certificate, with its intermediates if any')
    .requiredOption('--key <file>', 'private key')
    .requiredOption('--trust-bundle <file>', 'one or more root certificates')
    .option('--trust-domain <name>', 'trust domain that the certificate must be of')
    .addHelpText(
      'after',
      examples('certs verify --certificate certs/web.crt --key certs/web.key --trust-bundle certs/ca.crt'),
    )
  run<VerifyOptions>(command, async (_files, options) => {
    const { id, notAfter, warnings } = await loadIdentity({
      certificateFile: options.certificate,
      keyFile: options.key,
      trustBundleFile: options.trustBundle,
      trustDomain: options.trustDomain,
    })
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
    print(`ok: ${id}, valid until ${isoSeconds(notAfter)} (${formatDuration(notAfter - Date.now())} left)`)
  })
}

/** Runs an action with its positional arguments, and turns what it throws into error lines and exit code 2. */
function run<Options>(command: Command, action: (files: string[], options: Options) => Promise<void>): void {
  command.action(async () => {
    try {
      await action(command.processedArgs.flat() as string[], command.opts() as Options)
    } catch (error) {
      fail(messages(error))
    }
  })
}

function messages(error: unknown, file?: string): string[] {
  if (error instanceof CertificateError) return error.message.split('\n')
  const message = error instanceof Error ? error.message : String(error)
  return [file === undefined ? message : `${file}: ${message}`]
}

function fail(errors: readonly string[]): void {
  for (const error of errors) process.stderr.write(`error: ${error}\n`)
  // No process.exit(): output that waits in a pipe must still get out.
  if (errors.length > 0) process.exitCode = EXIT_INVALID
}

function print(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

function checkIdOptions(options: IssueOptions): void {
  if ((options.id === undefined) === (options.service === undefined)) {
    throw new IssueError('say who the certificate is for: either --id SPIFFE-ID or --service NAME')
  }
  if (options.namespace !== undefined && options.service === undefined) {
    throw new IssueError('--namespace goes with --service; an --id has the namespace in it')
  }
}

function requestedId(options: IssueOptions, trustDomain: string | undefined): SpiffeId {
  if (options.id !== undefined) return parseSpiffeId(options.id)
  if (trustDomain === undefined) {
    throw new IssueError('the CA certificate names no trust domain (it has no SPIFFE ID); use --id')
  }
  return serviceId(trustDomain, options.namespace ?? 'default', options.service!)
}

function announceKey(keyType: KeyType): void {
  if (keyType === 'rsa-3072' || keyType === 'rsa-4096') {
    process.stderr.write(`making a key of type ${keyType}; this can take some seconds\n`)
  }
}

function keyTypeOption(): Option {
  return new Option('--key-type <type>', 'type of the private key').choices(KEY_TYPES).default('ecdsa-p256')
}

function ttlOption(milliseconds: number, text: string): Option {
  return new Option('--ttl <duration>', 'lifetime, such as 90m, 24h or 3650d')
    .default(milliseconds, text)
    .argParser((value) => {
      try {
        return parseDuration(value)
      } catch (error) {
        throw error instanceof DurationError ? new InvalidArgumentError(error.message) : error
      }
    })
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ pillion ${line}\n`).join('')}`
}
