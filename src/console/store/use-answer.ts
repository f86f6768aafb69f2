/** Asks the target for what only one page shows, again whenever something has changed. */
import { useEffect, useState } from "preact/hooks"
import type { Method, Outcome, Params } from "../rpc/RpcClient.ts"
import { useStore } from "./ConsoleStore.ts"

/**
 * The newest answer, or undefined before the first. `params` of undefined asks for nothing. Asked again when the
 * parameters are others, and when `turn` is.
 */
export const useAnswer = <A>(
  asked: Method<A>,
  params: Params | undefined,
  turn: unknown = undefined
): Outcome<A> | undefined => {
  const { client } = useStore()
  const [answer, setAnswer] = useState<{ readonly key: string; readonly outcome: Outcome<A> }>()
  const key = params === undefined ? undefined : JSON.stringify(params)
  useEffect(() => {
    if (params === undefined || key === undefined) return
    const controller = new AbortController()
    void client.callAlone(asked, params, controller.signal).then((outcome) => {
      if (!controller.signal.aborted) setAnswer({ key, outcome })
    })
    return () => controller.abort()
  }, [client, asked, key, turn])
  // What was asked with other parameters is of another object.
  return answer !== undefined && answer.key === key ? answer.outcome : undefined
}
