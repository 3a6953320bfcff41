import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Deployment, type IDeployment } from 'kubernetes-models/apps/v1'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { type IContainer, type IPodSpec, Namespace, Service } from 'kubernetes-models/v1'
import { expect, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')

const models = { Deployment, Namespace, NetworkPolicy, Service }
type Kind = keyof typeof models
type Manifest = { kind: Kind; metadata: { name: string; namespace?: string } }

const manifests: Manifest[] = parseAllDocuments(await read('deploy/kubernetes.yaml')).map(document => document.toJS())
const deployments = manifests.filter(({ kind }) => kind === 'Deployment') as (Manifest & IDeployment)[]
const compose = parse(await read('docker-compose.yml'))

const podOf = ({ spec }: IDeployment) => spec?.template.spec as IPodSpec
const containersOf = (pod: IPodSpec): IContainer[] => [...(pod.initContainers ?? []), ...pod.containers]

test('every manifest is valid by its schema', () => {
  for (const manifest of manifests) {
    const Model = models[manifest.kind] as new (data: object) => { validate(): void }
    expect(() => new Model(manifest).validate(), manifest.kind).not.toThrow()
  }
})

// The schemas allow fields that they don't know. The types, which are made from the same schemas, don't.
test('no manifest has a field that Kubernetes does not know', async () => {
  const folder = await mkdtemp(join(root, 'test/kubernetes-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const modules = { Deployment: 'apps/v1', Namespace: 'v1', NetworkPolicy: 'networking.k8s.io/v1', Service: 'v1' }
  const lines = manifests.map(
    (manifest, i) =>
      `export const manifest${i}: import('kubernetes-models/${modules[manifest.kind]}').I${manifest.kind} = ${JSON.stringify(manifest)}`,
  )
  await writeFile(join(folder, 'manifests.ts'), lines.join('\n'))
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { noEmit: true, types: [] } }),
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(error => error)
  expect(stdout + stderr).toBe('')
})

// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
test.for(deployments)('the pods of $metadata.name keep to the pod security standard "restricted"', deployment => {
  const pod = podOf(deployment)
  expect([pod.hostNetwork, pod.hostPID, pod.hostIPC]).toEqual([undefined, undefined, undefined])
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  const { runAsUser, sysctls = [], ...rest } = pod.securityContext ?? {}
  expect(runAsUser).not.toBe(0)
  expect(Object.keys(rest).sort()).toEqual(['runAsNonRoot', 'seccompProfile'])
  for (const { name } of sysctls) expect(name).toBe('net.ipv4.ip_unprivileged_port_start')
  for (const { name, ...source } of pod.volumes ?? []) expect(Object.keys(source)).toEqual(['emptyDir'])
  for (const { securityContext, ports, livenessProbe, readinessProbe, startupProbe } of containersOf(pod)) {
    // Exactly: nothing here may add a capability, or override the settings of the pod.
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    for (const { hostPort } of ports ?? []) expect(hostPort).toBeUndefined()
    for (const probe of [livenessProbe, readinessProbe, startupProbe]) {
      expect([probe?.httpGet?.host, probe?.tcpSocket?.host]).toEqual([undefined, undefined])
    }
  }
})

test('its names and images are those of Compose, in the version of the package', async () => {
  expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual(Object.keys(compose.services).sort())
  const { version } = JSON.parse(await read('package.json'))
  for (const deployment of deployments) {
    const { name } = deployment.metadata
    expect(containersOf(podOf(deployment))).toMatchObject([
      { name, image: `ghcr.io/OWNER/REPOSITORY-${name}:${version}` },
    ])
    expect(compose.services[name].image).toMatch(new RegExp(`-${name}:\\$\\{IMAGE_TAG:-latest\\}$`))
  }
})

test('every service leads to pods, by ports that they have', () => {
  const services = manifests.filter(({ kind }) => kind === 'Service') as unknown as InstanceType<typeof Service>[]
  expect(services.map(({ metadata }) => metadata?.name).sort()).toEqual(
    deployments.map(({ metadata }) => metadata.name).sort(),
  )
  for (const { spec } of services) {
    const target = deployments.find(({ spec: { template, selector } = {} as never }) => {
      expect(template.metadata?.labels).toEqual(selector.matchLabels)
      return template.metadata?.labels?.app === spec?.selector?.app
    })
    const ports = containersOf(podOf(target as IDeployment)).flatMap(container => container.ports ?? [])
    for (const { targetPort } of spec?.ports ?? []) expect(ports.map(({ name }) => name)).toContain(targetPort)
  }
})
