import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 86_400_000

/** A certificate and its private key, as PEM. */
export type Authority = { certificate: string; key: string }

const createKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

const writeKey = async (key: CryptoKey) =>
  PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')

const readKey = (pem: string) =>
  crypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), ALGORITHM, true, ['sign'])

const lasting = (days: number) => ({
  notBefore: new Date(Date.now() - DAY),
  notAfter: new Date(Date.now() + days * DAY),
})

/** Creates a certificate authority, which browsers and clients must be configured to trust. */
export async function createAuthority(): Promise<Authority> {
  const keys = await createKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=WebSocket echo development authority',
    keys,
    serialNumber: randomBytes(16).toString('hex'),
    signingAlgorithm: ALGORITHM,
    ...lasting(3650),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await writeKey(keys.privateKey) }
}

/**
 * Adds the key identifier that a strict verification demands (RFC 5280, section 4.2.1.2). Key and name stay the same, so
 * clients that trust the old certificate accept what the new one has signed.
 */
async function addKeyIdentifier({ certificate, key }: Authority): Promise<Authority> {
  const old = new X509Certificate(certificate)
  const renewed = await X509CertificateGenerator.create({
    subject: old.subject,
    issuer: old.subject,
    publicKey: old.publicKey,
    signingKey: await readKey(key),
    serialNumber: randomBytes(16).toString('hex'),
    signingAlgorithm: ALGORITHM,
    notBefore: old.notBefore,
    notAfter: old.notAfter,
    extensions: [...old.extensions, await SubjectKeyIdentifierExtension.create(old.publicKey)],
  })
  return { certificate: renewed.toString('pem'), key }
}

/** Creates a certificate for names and addresses. It lasts 396 days, because browsers reject more than 398. */
export async function createCertificate(authority: Authority, names: string[]): Promise<Authority> {
  const keys = await createKeys()
  const issuer = new X509Certificate(authority.certificate)
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=WebSocket echo',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
    serialNumber: randomBytes(16).toString('hex'),
    signingAlgorithm: ALGORITHM,
    ...lasting(396),
    extensions: [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const)),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await writeKey(keys.privateKey) }
}

/** Writes a file that everybody can read, whatever the umask, because NGINX runs as a user of its container. */
async function writePublic(file: string, text: string): Promise<void> {
  // Docker creates an empty folder in place of a missing file that it should mount.
  if ((await stat(file).catch(() => undefined))?.isDirectory()) await rmdir(file)
  await writeFile(file, text)
  await chmod(file, 0o644)
}

/** @returns `undefined` if one of the files is missing */
async function readAuthority(certificateFile: string, keyFile: string): Promise<Authority | undefined> {
  try {
    return { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') }
  } catch {
    return undefined
  }
}

const hasKeyIdentifier = ({ certificate }: Authority) =>
  new X509Certificate(certificate).getExtension(SubjectKeyIdentifierExtension) !== null

/**
 * Writes a certificate into a folder, issued by the authority in that folder, or by a new one.
 * @returns whether it renewed the authority in the folder, which had no key identifier
 */
export async function writeCertificates(folder: string, names: string[]): Promise<boolean> {
  await mkdir(folder, { recursive: true })
  const [certificateFile, keyFile] = [join(folder, 'authority.crt'), join(folder, 'authority.key')]
  let authority = await readAuthority(certificateFile, keyFile)
  const isOld = authority !== undefined && !hasKeyIdentifier(authority)
  if (!authority || isOld) {
    authority = await (authority ? addKeyIdentifier(authority) : createAuthority())
    await writeFile(certificateFile, authority.certificate)
    await writeFile(keyFile, authority.key, { mode: 0o600 })
  }
  const { certificate, key } = await createCertificate(authority, names)
  await writePublic(join(folder, 'server.crt'), certificate)
  await writePublic(join(folder, 'server.key'), key)
  return isOld
}

if (import.meta.main) {
  const names = ['localhost', '127.0.0.1', '::1', ...process.argv.slice(2)]
  if (await writeCertificates('certs', names)) {
    console.log(
      'certs/authority.crt had no key identifier and now has one. Clients that trust the old file still work, but some, such as Python 3.13, need the new one.',
    )
  }
  console.log(
    `certs/server.crt is valid for ${names.join(', ')}. Trust certs/authority.crt, and keep certs/authority.key secret.`,
  )
}
