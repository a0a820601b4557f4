import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificateType, formatAs, parseTrc, trcFileName } from '@s3mp/scion'
import type { SignedTrc } from '@s3mp/scion'
import { namesOf } from './files.ts'
import type { Testnet } from './network.ts'

/** How long the predecessor of an update stays valid beside it, in the words of `scion-pki`. */
const GRACE = '1h'

/**
 * Holds a signing ceremony: makes the next TRC of an ISD with one voting AS, a regular update that
 * changes nothing, gives it to every AS and starts the control services anew, so that beacons are
 * signed under it. Resolves with the update; the old beacons live on for a while.
 */
export async function updateTrc(net: Testnet, isd: number): Promise<SignedTrc> {
  const folder = join(net.work, 'gen/trcs')
  const predecessor = newestOf(folder, isd)
  const voter = net.topology.ases.find((as) => as.core && as.isdAs.startsWith(`${isd}-`))
  if (voter === undefined) throw new Error(`no core AS in ISD ${isd}`)
  const crypto = `gen/${namesOf(voter.isdAs).folder}/crypto`
  mkdirSync(join(net.work, 'update'), { recursive: true })
  writeFileSync(join(net.work, 'update/template.toml'), template(net, predecessor, crypto))
  const previous = join(folder, trcFileName(predecessor))
  const payload = 'update/payload.der'
  await net.pki(['trc', 'payload', '-t', 'update/template.toml', '-p', previous, '-o', payload])
  const certificate = fileIn(net, `${crypto}/voting`, '.regular.crt')
  const key = `${crypto}/voting/regular-voting.key`
  await net.pki(['trc', 'sign', payload, certificate, key, '-o', 'update/vote.trc'])
  const out = 'update/signed.trc'
  await net.pki(['trc', 'combine', 'update/vote.trc', '-p', payload, '-o', out])
  const update = parseTrc(readFileSync(join(net.work, out)))
  for (const to of [
    folder,
    ...net.topology.ases.map(({ isdAs }) => join(net.configDir(isdAs), 'certs')),
  ]) {
    // prettier-ignore
    copyFileSync(join(net.work, out), join(to, trcFileName(update)))
  }
  for (const { isdAs } of net.topology.ases) {
    await net.kill(isdAs, 'control')
    net.startService(isdAs, 'control')
  }
  return update
}

/** The newest TRC of an ISD in a folder. */
function newestOf(folder: string, isd: number): SignedTrc {
  const all = readdirSync(folder)
    .filter((name) => name.endsWith('.trc'))
    .map((name) => parseTrc(readFileSync(join(folder, name))))
    .filter(({ trc }) => trc.id.isd === isd)
  const newest = all.toSorted((a, b) => b.trc.id.serial - a.trc.id.serial)[0]
  if (newest === undefined) throw new Error(`no TRC of ISD ${isd} in ${folder}`)
  return newest
}

function fileIn(net: Testnet, folder: string, ending: string): string {
  const name = readdirSync(join(net.work, folder)).find((one) => one.endsWith(ending))
  if (name === undefined) throw new Error(`no ${ending} in ${folder}`)
  return `${folder}/${name}`
}

function template(net: Testnet, { trc }: SignedTrc, crypto: string): string {
  const vote = trc.certificates.findIndex((one) => certificateType(one) === 'regular-voting')
  const ases = (list: readonly number[]): string => list.map((as) => `"${formatAs(as)}"`).join(', ')
  const files = [
    fileIn(net, `${crypto}/voting`, '.sensitive.crt'),
    fileIn(net, `${crypto}/voting`, '.regular.crt'),
    fileIn(net, `${crypto}/ca`, '.root.crt'),
  ]
  // The files are named from where the template stands.
  const certificates = files.map((file) => `"../${file}"`).join(', ')
  return `isd = ${trc.id.isd}
description = "the next of ISD ${trc.id.isd}"
serial_version = ${trc.id.serial + 1}
base_version = ${trc.id.base}
voting_quorum = ${trc.quorum}
grace_period = "${GRACE}"
no_trust_reset = ${trc.noTrustReset}
votes = [${vote}]
core_ases = [${ases(trc.coreAses)}]
authoritative_ases = [${ases(trc.authoritativeAses)}]
cert_files = [${certificates}]

[validity]
not_before = ${Math.ceil(trc.notBeforeMs / 1000) + 1}
validity = "30d"
`
}
