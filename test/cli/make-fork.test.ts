/** Forks of logs that real sessions have written: what their own logs begin with, and what cannot be forked. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Layer, Result, Stream } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { claimForkDirectory } from "../../src/cli/fork/fork-directory.ts"
import { type ForkWish, makeFork } from "../../src/cli/fork/make-fork.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { readState } from "../../src/domain/control-start.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { findTarget, lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { mapState } from "../../src/history/fork/ForkMapping.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { createPortalGroup, startEpoch } from "../domain/examples.ts"
import { byOffset } from "../history/fork/mapping-examples.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { verify } from "../support/verify-log.ts"
import { lunlogHere } from "./in-process.ts"

let source: SessionLog
let folder: string
let forks = 0

beforeAll(async () => {
  source = await sessionLog("whole")
  folder = makeDirectory("fork")
}, 120_000)

afterAll(() => {
  source[Symbol.dispose]()
  removeDirectory(folder)
})

const wish = (changes: Partial<ForkWish>): ForkWish => ({
  at: "HEAD",
  source: source.stateDirectory,
  socketPath: "",
  directory: join(folder, `f${++forks}`),
  portals: { _tag: "Address", host: "127.0.0.1" },
  keepIdentity: false,
  suffix: "copy",
  data: "empty",
  replay: undefined,
  ...changes
})

const make = (changes: Partial<ForkWish> = {}) => Effect.runPromise(Effect.scoped(makeFork(wish(changes))))

const failureOf = async (changes: Partial<ForkWish>): Promise<string> => {
  const made = await Effect.runPromise(Effect.result(Effect.scoped(makeFork(wish(changes)))))
  return Result.isFailure(made) ? made.failure.message : "none"
}

const inLog = <A>(
  stateDirectory: string,
  read: (log: Effect.Success<ReturnType<typeof openForReading>>) => Effect.Effect<A, unknown>
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(openForReading(join(stateDirectory, "log")), read)))

const stateOf = async (stateDirectory: string): Promise<State> => (await inLog(stateDirectory, readState)).state

const text = (state: State): string => new TextDecoder().decode(encodeSnapshot(state))

describe("a fork of a log", () => {
  const places = (): ReadonlyArray<readonly [string, number]> => [
    ["its first record", 1],
    ["a removal that is under way", source.record("LunRemovalStarted").seq],
    ["the removal's end", source.record("LunRemoved").seq],
    ["a later start", source.record("EpochStarted", 2).seq],
    ["its last record", source.records.at(-1)?.seq ?? 0]
  ]

  it("has the state of the moment, mapped, and goes on from there", async () => {
    for (const [what, seq] of places()) {
      const { directory, mapping } = await make({ at: String(seq) })
      const before = await inLog(source.stateDirectory, (log) => stateAt(log, seq))
      const { fork, ...state } = await stateOf(directory)
      assert.strictEqual(text({ ...state, fork: undefined }), text(mapState(mapping, before.state)), what)
      assert.strictEqual(fork?.sourceSeq, before.controlSeq)
      assert.strictEqual(fork?.sourceControlHash, before.controlHash)
      assert.strictEqual(fork?.since, before.controlSeq + 1)
      const [first] = await inLog(directory, (log) => Stream.runCollect(log.read()))
      assert.strictEqual(first?.type, "Forked")
      assert.isTrue(first?.kind === "control" && first.prevControl === before.controlHash)
      await inLog(directory, (log) => verify(log))
    }
  })

  it("begins like a restart: a removal that was under way is finished", async () => {
    const { directory } = await make({ at: String(source.record("LunRemovalStarted").seq) })
    const state = await stateOf(directory)
    const target = findTarget(state, `${source.names.disk1}-copy`)
    assert(target !== undefined && state.epoch !== undefined)
    assert.isTrue(lunsOf(target).some(({ phase }) => phase._tag === "Draining"))
    const { instanceId, version } = state.epoch
    const events = Result.getOrThrow(decide(state, { _tag: "StartEpoch", mode: "resume", instanceId, version }))
    assert.deepInclude(
      events.map((event) => (event._tag === "LunRemoved" ? event.cause : event._tag)),
      "boot"
    )
    const started = events.reduce((now, event, index) => evolve(now, event, 1000 + index), state)
    assert.isTrue(targetsOf(started).every((one) => lunsOf(one).every(({ phase }) => phase._tag === "Active")))
  })

  it("of a fork goes on in the same way, and the first one's log does not reach behind its own beginning", async () => {
    const seq = source.record("LunRemoved").seq
    const first = await make({ at: String(seq) })
    const second = await make({ source: first.directory, at: "HEAD", suffix: "again" })
    const state = await stateOf(second.directory)
    assert.isDefined(findTarget(state, `${source.names.disk1}-copy-again`))
    assert.strictEqual(state.fork?.sourceInstanceId, first.mapping.instanceId)
    assert.match(await failureOf({ source: first.directory, at: String(seq - 5) }), /is not known: .*begins with/u)
  })

  it("of a target that was killed in the middle of a removal is what the log has", async () => {
    using cut = await sessionLog("cut")
    const { directory, mapping, source: read } = await make({ source: cut.stateDirectory })
    const { fork: _, ...state } = await stateOf(directory)
    assert.strictEqual(text({ ...state, fork: undefined }), text(mapState(mapping, read.point.state)))
  })

  it("reaches behind the beginning of a compacted log as long as its archive is there", async () => {
    const seq = source.record("LunRemovalStarted").seq
    using compacted = await sessionLog("compacted")
    const { directory, mapping } = await make({ source: compacted.stateDirectory, at: String(seq) })
    const { fork: _, ...state } = await stateOf(directory)
    const before = await inLog(source.stateDirectory, (log) => stateAt(log, seq))
    assert.strictEqual(text({ ...state, fork: undefined }), text(mapState(mapping, before.state)))
    using shortened = await sessionLog("shortened")
    assert.match(await failureOf({ source: shortened.stateDirectory, at: String(seq) }), /archive/u)
  })

  it("has all of a state that fills several answers", async () => {
    const directory = join(folder, "large")
    const params = JSON.stringify("x".repeat(16_000))
    const write = Effect.gen(function* () {
      const { dispatch, state } = yield* ControlPlane
      const cause = { source: "rpc", actor: "local" } as const
      yield* dispatch(startEpoch(), cause)
      const record = (_: unknown, object: number) =>
        dispatch({ _tag: "RecordInertSetting", method: "large", object: String(object), params }, cause)
      yield* Effect.forEach(Array.from({ length: 300 }), record, { concurrency: "unbounded" })
      return state()
    })
    const log = LevelEventLog.layer({ directory: join(directory, "log"), ballastBytes: 0 })
    const state = await Effect.runPromise(Effect.provide(write, Layer.provide(ControlPlane.layer, log)))
    assert.isAbove(text(state).length, 4_000_000)
    const { mapping, ...made } = await make({ source: directory })
    const { fork: _, ...copied } = await stateOf(made.directory)
    assert.strictEqual(text({ ...copied, fork: undefined }), text(mapState(mapping, state)))
  })

  it("that is to see what came later has an address for every portal that there was meanwhile", async () => {
    const directory = join(folder, "meanwhile")
    const write = Effect.flatMap(ControlPlane, ({ dispatch }) =>
      Effect.forEach(
        [startEpoch(), createPortalGroup(5, ["127.0.0.7", 3270]), { _tag: "DeletePortalGroup", tag: 5 } as const],
        (command) => dispatch(command, { source: "rpc", actor: "local" })
      )
    )
    const log = LevelEventLog.layer({ directory: join(directory, "log"), ballastBytes: 0 })
    await Effect.runPromise(Effect.provide(write, Layer.provide(ControlPlane.layer, log)))
    const { mapping } = await make({ source: directory, at: "1", replay: { until: undefined } })
    const ports = mapping.portals._tag === "Address" ? mapping.portals.ports : []
    assert.deepStrictEqual(ports, [{ from: { host: "127.0.0.7", port: 3270 }, port: ports[0]?.port ?? 0 }])
  })

  it("keeps names and ids if it is asked to, and is told apart by nothing then", async () => {
    const { directory, mapping } = await make({ keepIdentity: true })
    const state = await stateOf(directory)
    assert.isDefined(findTarget(state, source.names.disk1))
    const theirs = readFileSync(join(source.stateDirectory, "instance-id"), "utf8")
    assert.strictEqual(readFileSync(join(directory, "instance-id"), "utf8"), theirs)
    assert.strictEqual(`${mapping.instanceId}\n`, theirs)
  })

  it("has the key of its source's secrets, which nobody else can read", async () => {
    const key = join(source.stateDirectory, "secret-key")
    const { directory } = await make()
    assert.strictEqual(readFileSync(join(directory, "secret-key"), "utf8"), readFileSync(key, "utf8"))
    assert.strictEqual(statSync(join(directory, "secret-key")).mode & 0o777, 0o600)
    assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
  })
})

describe("what cannot be forked", () => {
  it("is said with the reason, and leaves nothing behind", async () => {
    const full = join(folder, "full")
    mkdirSync(full)
    writeFileSync(join(full, "mine"), "")
    const broken = join(folder, "broken")
    mkdirSync(join(broken, "log.new"), { recursive: true })
    const before = readdirSync(folder)
    const offset = (by: number): Partial<ForkWish> => ({ portals: { _tag: "Offset", by } })
    const address = (host: string, port?: number): Partial<ForkWish> => ({
      portals: { _tag: "Address", host, ...(port === undefined ? {} : { port }) }
    })
    const refusals: ReadonlyArray<readonly [Partial<ForkWish>, RegExp]> = [
      [{ at: "0" }, /at record 0 nothing had started yet/u],
      [{ directory: full }, /full is not empty; name another directory with --fork-state/u],
      [
        { directory: broken },
        /broken is not empty; it holds a fork that is being made, or was broken off: remove it then/u
      ],
      [{ directory: source.stateDirectory }, /is the source's own/u],
      [{ directory: join(source.stateDirectory, "log", "fork") }, /is inside of the source's own/u],
      [offset(65_000), /moves 127\.0\.0\.1:\d+ out of the ports 1 to 65535; use at most \d+/u],
      [address("nonsense"), /"nonsense" is no address to listen on/u],
      [address("127.0.0.1", source.port), /is the source's own; use another port/u],
      [address("192.0.2.1"), /192\.0\.2\.1 is no address of this host; name one with --portal/u],
      [{ source: join(folder, "nowhere") }, /nowhere/u]
    ]
    for (const [changes, reason] of refusals) assert.match(await failureOf(changes), reason)
    assert.deepStrictEqual(readdirSync(folder), before)
    assert.deepStrictEqual(readdirSync(full), ["mine"])
  })

  it("is a second one in a directory in which one is being made, and that one is not disturbed", async () => {
    const directory = join(folder, "twins")
    const mapping = { ...byOffset, fileDirectory: join(directory, "disks") }
    const made = Effect.promise(() => writeFile(join(directory, "made"), ""))
    const claims = Array.from({ length: 3 }, () =>
      Effect.result(claimForkDirectory({ directory, mapping, data: "empty" }, made))
    )
    const twins = await Effect.runPromise(Effect.all(claims, { concurrency: "unbounded" }))
    const refused = twins.flatMap((twin) => (Result.isFailure(twin) ? [twin.failure.message] : []))
    assert.strictEqual(refused.length, 2)
    for (const message of refused) assert.match(message, /twins is not empty; it holds a fork that is being made/u)
    assert.deepStrictEqual(readdirSync(directory), ["disks", "made"])
  })

  it("is said before anything is read, if the command line is wrong", async () => {
    const run = async (...args: ReadonlyArray<string>) =>
      (await lunlogHere("fork", "--state", source.stateDirectory, ...args)).failure
    assert.match((await run("--at", "never")) ?? "", /"never" is no place in the log; write a number, HEAD/u)
    assert.match((await run("--at", "1", "--port-offset", "0")) ?? "", /use 1 to 65534/u)
    assert.match((await run("--at", "1", "--port-offset", "1", "--portal", "::")) ?? "", /use one of them/u)
    assert.match((await run("--at", "1", "--portal", "1.2.3.4:99999")) ?? "", /99999 is no port/u)
    assert.match((await run("--at", "1", "--fork-socket", `/${"s".repeat(200)}`)) ?? "", /at most 107 bytes/u)
    assert.strictEqual(await run("--at", "1", "--suffix", "UPPER CASE"), "wrong usage")
  })

  it("is a fork in the place of a file, which stays", async () => {
    const directory = join(folder, "file")
    writeFileSync(directory, "mine")
    assert.match(await failureOf({ directory }), /cannot be made in .*file: ENOTDIR/u)
    assert.strictEqual(readFileSync(directory, "utf8"), "mine")
  })
})
