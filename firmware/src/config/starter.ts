import { dirname } from 'node:path'

/** Where the services of an installed meter keep things: what the keys say when they are left out. */
const SYSTEM_FOLDER = '/etc/s3mp'

const PLACES = `
# Beside this file; an installed meter leaves these out.
[state]
folder = "state"

[control]
socket = "state/control.sock"
`

/**
 * The text of a short configuration to begin with: a meter that does not exist, and a head-end on this
 * machine. It is right as it stands; outside of \`/etc/s3mp\` everything is kept beside the file, so that
 * its owner needs no other rights.
 */
export function starterConfig(file: string): string {
  const places = dirname(file) === SYSTEM_FOLDER ? '' : PLACES
  return `# S3MP: the configuration of a meter. s3mp config --print-default prints every key there is.

[meter]
device = "simulated:household"
${places}
[uplink]
transport = "udp"

# The head-end: its own address, or that of a SCION-IP gateway. On this machine: s3mp headend init
[uplink.udp]
remote = "127.0.0.1:8470"
`
}
