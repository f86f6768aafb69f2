/** NBD disks in configurations: what each key means, and that an export makes the same again. */
import { assert, describe, it } from "vitest"
import { exportNative } from "../../src/config/native/export-native.ts"
import { findBdev } from "../../src/domain/State.ts"
import { desiredOf, readText } from "./support.ts"

const stateOf = (text: string) => desiredOf(readText(text)).state

const whole = `
bdevs:
  - type: nbd
    name: Remote0
    uri: nbds://storage.example:1234/vm%201
    blockSize: 4K
    readOnly: true
    connections: 2
    tls: { ca: /pki/ca.pem, certificate: /pki/c.pem, key: /pki/k.pem, serverName: other.example }
    reconnectTimeout: 1m
    replyTimeout: 0
    giveUpAfter: 10m
    removable: true
  - { type: nbd, name: Local0, uri: "nbd+unix:///?socket=/run/a.sock" }
`

describe("an NBD disk", () => {
  it("has what its section says, and defaults for the rest", () => {
    const state = stateOf(whole)
    assert.deepStrictEqual(findBdev(state, "Remote0")?.spec, {
      _tag: "Nbd",
      server: { host: "storage.example", port: 1234 },
      exportName: "vm 1",
      blockSize: 4096,
      blockCount: 0,
      readOnly: true,
      connections: 2,
      tls: { ca: "/pki/ca.pem", certificate: "/pki/c.pem", key: "/pki/k.pem", serverName: "other.example" },
      reconnectSeconds: 60,
      replySeconds: 0,
      giveUpSeconds: 600,
      removable: true
    })
    assert.deepStrictEqual(findBdev(state, "Local0")?.spec, {
      _tag: "Nbd",
      server: { path: "/run/a.sock" },
      exportName: "",
      blockSize: 512,
      blockCount: 0,
      readOnly: false,
      connections: 4,
      reconnectSeconds: 30,
      replySeconds: 60,
      giveUpSeconds: 0
    })
  })

  it("is exported as what makes the same again", () => {
    const state = stateOf(whole)
    const { text } = exportNative(state, { isWhole: true })
    const again = stateOf(text)
    for (const name of ["Remote0", "Local0"]) {
      assert.deepStrictEqual(findBdev(again, name)?.spec, findBdev(state, name)?.spec)
    }
  })

  it("is refused at its place where the URI is none, or TLS cannot be", () => {
    const refusal = (section: string): string => {
      try {
        stateOf(`bdevs:\n  - { type: nbd, name: A, ${section} }\n`)
        return "it is taken"
      } catch (error) {
        return String(error)
      }
    }
    assert.match(refusal("uri: 'http://a/'"), /is no NBD URI; write nbd:\/\//)
    assert.match(refusal("uri: 'nbds+unix:///?socket=/run/a'"), /TLS on a Unix socket, which has no host/)
  })
})
