/**
 * Some connections that send what they like to one target node, side by side; afterwards the node must hold nothing of
 * them. An episode is made from its seed alone, so that a failure can be repeated.
 */
import { assert } from "vitest"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { makeRandom, type Random } from "../../../support/initiator/random.ts"
import { addTarget, loggedIn, ramDisk, statusOf, TestNode, turn } from "../fixture.ts"
import { type Conversation, readCorpus } from "./corpus.ts"
import { FuzzPeer } from "./FuzzPeer.ts"

const peersMax = 4
const corpus = readCorpus()

/** A disk that keeps every few commands back until it is told otherwise. */
const hesitantDisk = (random: Random): ErrorBdev => {
  const bdev = new ErrorBdev(ramDisk())
  hesitate(bdev, random)
  return bdev
}

const hesitate = (bdev: ErrorBdev, random: Random): void => {
  const errorType = random.pick<"pending" | "failure" | "nomem">(["pending", "pending", "failure", "nomem"])
  const count = random.between(1, 8)
  bdev.inject({ ioType: "all", errorType, count, queueDepth: 0, corruptOffset: 0, corruptValue: 1 })
}

const pickConversation = (random: Random): Conversation =>
  random.chance(0.5) ? (corpus[random.below(corpus.length)] ?? []) : []

/** One node with three disks: one that answers at once, one that answers late, and one of other blocks. */
class Episode {
  readonly #random: Random
  readonly #node = new TestNode({ maxSessions: 3, maxConnectionsPerSession: 3 })
  readonly #late: ErrorBdev
  readonly #target
  readonly #peers: Array<FuzzPeer> = []
  /** Connections that have got through their login. */
  logins = 0

  constructor(random: Random) {
    this.#random = random
    this.#late = hesitantDisk(random)
    this.#target = addTarget(this.#node, { 0: ramDisk(), 1: this.#late, 2: ramDisk(256, 4096) })
  }

  async play(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#step()
      if (this.#random.chance(0.1)) await turn()
    }
    await this.#end()
  }

  #step(): void {
    const random = this.#random
    if (this.#peers.length < peersMax && (this.#peers.length === 0 || random.chance(0.1))) {
      this.#peers.push(new FuzzPeer(this.#node, random, pickConversation(random)))
    }
    const peer = this.#peers[random.below(this.#peers.length)]
    if (peer === undefined) return
    const wasLoggedIn = peer.isLoggedIn
    peer.step()
    if (!wasLoggedIn && peer.isLoggedIn) this.logins++
    if (random.chance(0.03)) peer.socket.slow = true
    if (random.chance(0.05)) peer.socket.release()
    if (random.chance(0.05)) this.#late.resumePending()
    if (random.chance(0.02)) hesitate(this.#late, random)
    if (random.chance(0.02)) this.#node.pass(random.pick([1000, 6000, 40_000]))
    if (random.chance(0.02)) peer.cut()
    if (!peer.isOpen) this.#peers.splice(this.#peers.indexOf(peer), 1)
  }

  /** Everybody goes, and the disks answer: nothing is left, and a new initiator is served. */
  async #end(): Promise<void> {
    const node = this.#node
    for (const peer of this.#peers) peer.cut()
    for (let turns = 0; turns < 4; turns++) {
      this.#late.inject({
        ioType: "clear",
        errorType: "failure",
        count: 0,
        queueDepth: 0,
        corruptOffset: 0,
        corruptValue: 1
      })
      this.#late.resumePending()
      node.pass(60_000)
      await turn()
    }
    assert.deepStrictEqual(
      node.told.filter((line) => line.startsWith("internal error")),
      []
    )
    const luns = this.#target.luns.filter((mapping) => mapping !== undefined)
    assert.deepStrictEqual(
      {
        connections: node.connections.size,
        sessions: node.sessions.size,
        ofTarget: this.#target.sessions.size,
        bufferBytes: node.tasks.bufferBytes,
        ofLuns: luns.map(({ bufferBytes, submitted, unit }) => [bufferBytes, submitted.size, unit.nexusCount]),
        taskSets: luns.map(({ unit: { taskSet } }) => [taskSet.open, taskSet.waitingCount])
      },
      {
        connections: 0,
        sessions: 0,
        ofTarget: 0,
        bufferBytes: 0,
        ofLuns: luns.map(() => [0, 0, 0]),
        taskSets: luns.map(() => [true, 0])
      }
    )
    const peer = loggedIn(node)
    peer.command(0x81, Buffer.from([0x12, 0, 0, 0, 0, 0]), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    peer.socket.destroy()
    await turn()
  }
}

/** Plays `inputs` steps in episodes of a few hundred. Gives the number of logins that got through. */
export const playEpisodes = async (seed: number, inputs: number, stepsPerEpisode = 400): Promise<number> => {
  let logins = 0
  for (let done = 0, number = 0; done < inputs; done += stepsPerEpisode, number++) {
    const episodeSeed = seed * 1_000_003 + number
    const episode = new Episode(makeRandom(episodeSeed))
    try {
      await episode.play(stepsPerEpisode)
    } catch (error) {
      throw new Error(`episode with seed ${episodeSeed} (number ${number} of ${seed})`, { cause: error })
    }
    logins += episode.logins
  }
  return logins
}
