/** A reactor in the thread that calls it: the default. */
import type { NodeOptions } from "../iscsi/IscsiNode.ts"
import type { ReactorFact, ReactorPort } from "./protocol.ts"
import { Reactor, type ReactorSurroundings } from "./Reactor.ts"

/** Facts are handed over in the next microtask, so that they never come while a command is being sent. */
export const mainThreadReactor = (options: NodeOptions, surroundings: ReactorSurroundings = {}): ReactorPort => {
  let listener: ((fact: ReactorFact) => void) | undefined
  const waiting: Array<ReactorFact> = []
  const deliver = (): void => {
    if (listener === undefined) return
    for (const fact of waiting.splice(0)) listener(fact)
  }
  const emit = (fact: ReactorFact): void => {
    waiting.push(fact)
    if (waiting.length === 1) queueMicrotask(deliver)
  }
  const reactor = new Reactor(options, emit, surroundings)
  return {
    send: (command) => reactor.handle(command),
    listen: (next) => {
      listener = next
      deliver()
    },
    terminate: () => Promise.resolve()
  }
}
