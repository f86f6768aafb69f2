/** Which records are incidents: what costs a host something, and not what anybody can bring about. */
import { assert, it } from "vitest"
import { isIncident } from "../../../src/history/incident/is-incident.ts"
import { isTrouble } from "../../../src/history/trouble.ts"

const incidents: ReadonlyArray<readonly [string, object]> = [
  ["IoFailed", { bdev: "b", status: "CHECK CONDITION" }],
  ["IoStuck", { bdev: "b", outstanding: 1 }],
  ["BdevIoFailed", { bdev: "b", code: "EIO" }],
  ["ReactorCrashed", { detail: "x" }],
  ["LogRecovered", {}],
  ["InternalError", { detail: "x" }],
  ["SessionClosed", { ending: "protocolError", inFlight: 0 }],
  ["SessionClosed", { ending: "pingTimeout" }],
  ["SessionClosed", { ending: "connectionLost", inFlight: 3 }],
  ["ProtocolError", { tsih: 4 }],
  ["PduRejected", { tsih: 4 }],
  ["DigestError", { tsih: 4, digest: "data" }],
  ["TaskManagement", { aborted: 2 }],
  ["LunRemoved", { aborted: 1, drained: 3 }],
  ["LunDrainEnded", { aborted: 0, late: true }],
  ["LunDrainEnded", { aborted: 2, late: false }],
  ["TargetNodeSessionsClosed", { cut: 1 }],
  ["BdevRemovalStarted", { cause: "vanished" }],
  ["BdevHealth", { health: "degraded" }],
  ["ProcessStarted", { previousEnd: "missing" }]
]

const others: ReadonlyArray<readonly [string, object]> = [
  ["LoginRefused", { status: 0x0201 }],
  ["LoginAbandoned", {}],
  ["ConnectionRefused", {}],
  ["ProtocolError", { initiatorName: "" }],
  ["DigestError", { digest: "header" }],
  ["PduRejected", {}],
  ["SessionClosed", { ending: "connectionLost", inFlight: 0 }],
  ["SessionClosed", { ending: "logout" }],
  ["SessionClosed", {}],
  ["TaskManagement", { aborted: 0 }],
  ["LunRemoved", { aborted: 0, drained: 3 }],
  ["LunDrainEnded", { aborted: 0, late: false }],
  ["BdevRemovalStarted", { cause: "requested" }],
  ["BdevHealth", { health: "ok" }],
  ["ProcessStarted", { previousEnd: "recorded" }],
  ["SlowIo", { millis: 3000 }],
  ["QueueFull", {}],
  ["LunAdded", {}],
  ["OfALaterVersion", {}]
]

it.each(incidents)("%s %o is one, and trouble", (type, payload) => {
  assert.isTrue(isIncident({ type, payload }))
  assert.isTrue(isTrouble({ type, payload }))
})

it.each(others)("%s %o is none", (type, payload) => {
  assert.isFalse(isIncident({ type, payload }))
})

it("nothing that a payload may be makes it fail", () => {
  for (const payload of [
    null,
    undefined,
    7,
    "x",
    [],
    { aborted: {} },
    { ending: [] },
    { cut: 1n },
    new Uint8Array(3)
  ]) {
    for (const [type] of [...incidents, ...others]) isIncident({ type, payload })
  }
})
